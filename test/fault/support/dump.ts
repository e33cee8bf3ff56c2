import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** The commands of docs/operations.md, "Backup, restore, disaster", as a test runs them. */
export class Dump {
  constructor(private readonly path: string) {}

  /** Of a database in use, as it is at one moment; with where that is in its binary log, if it has one. */
  async make(databaseUrl: string, { withLog = false } = {}): Promise<void> {
    const { login, name } = addressOf(databaseUrl);
    await execute('mariadb-dump', [...login, '--single-transaction', '--quick',
      ...(withLog ? ['--master-data=2'] : []), `--result-file=${this.path}`, name]);
  }

  /** Into a database that is made anew; what was in it is gone. */
  async restore(databaseUrl: string): Promise<void> {
    const { login, name } = addressOf(databaseUrl);
    await execute('mariadb', [...login,
      '--execute', `DROP DATABASE IF EXISTS \`${name}\`; CREATE DATABASE \`${name}\``]);
    await execute('mariadb', [...login, name, '--execute', `source ${this.path}`]);
  }

  /** What the database committed after the dump, by the files of its binary log in this folder. */
  async repeatLog(databaseUrl: string, folder: string): Promise<void> {
    const { login, name } = addressOf(databaseUrl);
    const [, first = '', position = ''] = /MASTER_LOG_FILE='(.+)', MASTER_LOG_POS=(\d+);/
      .exec(readFileSync(this.path, 'utf8')) ?? [];
    const files = readdirSync(folder).filter((file) => /\.\d+$/.test(file) && file >= first).sort();
    const repeated = `${this.path}.log`;
    await execute('mariadb-binlog', ['--no-defaults', `--start-position=${position}`,
      `--database=${name}`, `--result-file=${repeated}`, ...files.map((file) => join(folder, file))]);
    await execute('mariadb', [...login, '--execute', `source ${repeated}`]);
  }

  /** Gives buyers back what the outage took from the time to pay. */
  async giveTimeToPay(databaseUrl: string): Promise<void> {
    const { login, name } = addressOf(databaseUrl);
    await execute('mariadb', [...login, name, '--execute', `UPDATE orders
      SET expires_at = UTC_TIMESTAMP(3) + INTERVAL 15 MINUTE WHERE status = 'pending_payment'`]);
  }
}

function addressOf(databaseUrl: string): { login: string[]; name: string } {
  const { hostname, port, username, pathname } = new URL(databaseUrl);
  return { login: ['--no-defaults', `--host=${hostname}`, `--port=${port}`, `--user=${username}`],
    name: pathname.slice(1) };
}
