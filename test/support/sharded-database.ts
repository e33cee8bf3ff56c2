import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { migrations } from '../../migrations';
import { runMigrations } from '../../src/infra/database';
import { findSpider } from '../../tools/lib/programs.mjs';
import { startMariadb, type Server } from '../../tools/lib/servers.mjs';
import { shardColumns } from './vschema';

const name = 'fairdrop';
const small = ['--innodb-flush-log-at-trx-commit=2', '--innodb-buffer-pool-size=64M',
  '--log-output=TABLE'];

/** Whether this machine has MariaDB's engine Spider; tools/lib/programs.mjs says why, where not. */
export function hasSpider(): boolean {
  return findSpider() !== undefined;
}

/** One of the servers behind: it has real tables with the rows of some sales. */
export class Shard {
  constructor(
    readonly server: Server,
    private readonly rows: Connection,
  ) {}

  static async start(dir: string): Promise<Shard> {
    const server = await startMariadb({ dir, args: small });
    await runMigrations(`${server.url}/${name}`, migrations);
    const rows = await createConnection({ uri: `${server.url}/${name}` });
    // Products are with what the servers share.
    await rows.query('ALTER TABLE sales DROP FOREIGN KEY sales_product');
    return new Shard(server, rows);
  }

  async countOf(table: string, saleId: string): Promise<number> {
    const [[row]] = await this.rows.query<RowDataPacket[]>(
      'SELECT COUNT(*) AS `rows` FROM ?? WHERE ?? = ?', [table, shardColumns.get(table), saleId]);
    return Number(row?.rows);
  }

  /** From now on every statement that comes in is noted. */
  async listen(): Promise<void> {
    await this.rows.query('SET GLOBAL general_log = OFF');
    await this.rows.query('TRUNCATE TABLE mysql.general_log');
    await this.rows.query('SET GLOBAL general_log = ON');
  }

  /** What was noted since, in small letters. */
  async heard(): Promise<string[]> {
    await this.rows.query('SET GLOBAL general_log = OFF');
    const [rows] = await this.rows.query<RowDataPacket[]>(
      "SELECT LOWER(argument) AS text FROM mysql.general_log WHERE command_type = 'Query'");
    return rows.map(({ text }) => String(text));
  }

  async stop(): Promise<void> {
    await this.rows.end();
    await this.server.stop();
  }
}

/**
 * A database whose big tables lie on two servers, as docs/vschema.json places them: a MariaDB with
 * the engine Spider before two others, all three this test's own.
 */
export class ShardedDatabase {
  private constructor(
    private readonly folder: string,
    private readonly front: Server,
    readonly shards: readonly [Shard, Shard],
  ) {}

  static async start(): Promise<ShardedDatabase> {
    const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'fairdrop-shards-'));
    const [front, ...shards] = await Promise.all([startMariadb({ dir: join(folder, 'front'),
      args: small }), Shard.start(join(folder, 'shard0')), Shard.start(join(folder, 'shard1'))]);
    const database = new ShardedDatabase(folder, front, shards);
    await runMigrations(database.url, migrations);
    await database.placeTables();
    return database;
  }

  get url(): string {
    return `${this.front.url}/${name}`;
  }

  async stop(): Promise<void> {
    await Promise.all([this.front.stop(), ...this.shards.map((shard) => shard.stop())]);
    rmSync(this.folder, { recursive: true });
  }

  /** The front keeps the shape of these tables alone; their rows go to the server of their sale. */
  private async placeTables(): Promise<void> {
    const connection = await createConnection({ uri: this.url });
    await connection.query("INSTALL SONAME 'ha_spider'");
    for (const [index, { server }] of this.shards.entries()) {
      await connection.query(`CREATE SERVER shard${index} FOREIGN DATA WRAPPER mysql OPTIONS
        (HOST '127.0.0.1', PORT ${server.port}, DATABASE '${name}', USER 'root', PASSWORD '')`);
    }
    await connection.query('SET foreign_key_checks = 0');
    for (const [table, column] of shardColumns) {
      const [[row]] = await connection.query<RowDataPacket[]>(`SHOW CREATE TABLE ${table}`);
      await connection.query(`DROP TABLE ${table}`);
      await connection.query(spiderTable(String(row?.['Create Table']), table, column));
    }
    await connection.end();
  }
}

/** The same table, of the engine Spider: without foreign keys, and with its shard column in its key. */
function spiderTable(createTable: string, table: string, column: string): string {
  const lines = createTable.split('\n').filter((line) => !line.includes(' FOREIGN KEY '));
  return `${lines.join('\n')
    .replace(/,\n\)/, '\n)')
    .replace(/PRIMARY KEY \((.*)\)/, (key, columns: string) =>
      columns.includes(`\`${column}\``) ? key : `PRIMARY KEY (${columns},\`${column}\`)`)
    .replace('ENGINE=InnoDB', 'ENGINE=SPIDER')}
    COMMENT='wrapper "mysql", table "${table}"'
    PARTITION BY KEY (\`${column}\`) (
      PARTITION p0 COMMENT = 'srv "shard0"', PARTITION p1 COMMENT = 'srv "shard1"')`;
}
