import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** The commands of docs/operations.md, "Backup, restore, disaster", as a test runs them. */
export class Dump {
  constructor(private readonly path: string) {}

  /** Of a database in use, as it is at one moment. */
  async make(databaseUrl: string): Promise<void> {
    const { login, name } = addressOf(databaseUrl);
    await execute('mariadb-dump', [...login, '--single-transaction', '--quick',
      `--result-file=${this.path}`, name]);
  }

  /** Into a database that is made anew; what was in it is gone. */
  async restore(databaseUrl: string): Promise<void> {
    const { login, name } = addressOf(databaseUrl);
    await execute('mariadb', [...login,
      '--execute', `DROP DATABASE IF EXISTS \`${name}\`; CREATE DATABASE \`${name}\``]);
    await execute('mariadb', [...login, name, '--execute', `source ${this.path}`]);
    // What the outage took from the time to pay.
    await execute('mariadb', [...login, name, '--execute', `UPDATE orders
      SET expires_at = NOW(3) + INTERVAL 15 MINUTE WHERE status = 'pending_payment'`]);
  }
}

function addressOf(databaseUrl: string): { login: string[]; name: string } {
  const { hostname, port, username, pathname } = new URL(databaseUrl);
  return { login: ['--no-defaults', `--host=${hostname}`, `--port=${port}`, `--user=${username}`],
    name: pathname.slice(1) };
}
