import { randomBytes } from 'node:crypto';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { migrations } from '../../migrations';
import { runMigrations } from '../../src/infra/database';
import { FaultProxy } from '../support/fault-proxy';
import { withDatabase } from '../support/stack';

class CreateShelves1700000000001 implements MigrationInterface {
  name = 'CreateShelves1700000000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE shelves (id INT NOT NULL PRIMARY KEY)');
    await runner.query('CREATE TABLE units (id INT NOT NULL PRIMARY KEY)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE units');
    await runner.query('DROP TABLE shelves');
  }
}

interface TableRow extends RowDataPacket {
  name: string;
}

const server = process.env.TEST_DATABASE_URL ?? '';

describe('migrations', () => {
  let databaseUrl: string;
  let connection: Connection;
  let way: FaultProxy;

  beforeEach(async () => {
    // TypeORM prints every migration that fails.
    jest.spyOn(console, 'log').mockImplementation(() => undefined);
    way = await FaultProxy.start(Number(new URL(server).port));
    databaseUrl = new URL(`/test_${randomBytes(6).toString('hex')}`, server).href;
    await runMigrations(databaseUrl, []);
    connection = await createConnection({ uri: databaseUrl });
  });

  afterEach(async () => {
    await connection.query('DROP DATABASE ??', [new URL(databaseUrl).pathname.slice(1)]);
    await connection.end();
    await way.stop();
    jest.restoreAllMocks();
  });

  it.each([
    ['before the statement is sent', 1],
    ['before its answer is heard', 2],
  ])('end in the same tables when each statement is cut off once, %s', async (_moment, reply) => {
    const undisturbed = await withDatabase();
    const expected = await tablesOf(undisturbed.databaseUrl);
    await undisturbed.drop();
    const url = new URL(databaseUrl);
    url.host = `127.0.0.1:${way.port}`;
    let cuts = 0;
    for (const migration of migrations.map((Migration) => new Migration())) {
      const statements = await countStatements(migration);
      for (let statement = 1; statement <= statements; statement += 1) {
        // Thus the statement is written down; to that comes the first answer, to itself the next.
        way.dropReply(`('${migration.name}', ${statement})`, reply);
        await expect(runMigrations(url.href, migrations)).rejects.toThrow();
        cuts += 1;
        expect(way.droppedReplies).toBe(cuts);
      }
    }
    await runMigrations(databaseUrl, migrations);
    expect(await tablesOf(databaseUrl)).toEqual(expected);
  });

  it.each(['shelves', 'units'])('leave %s of somebody else alone, however often they run',
    async (foreign) => {
      const migrate = () => runMigrations(databaseUrl, [CreateShelves1700000000001]);
      await connection.query('CREATE TABLE ?? (note TEXT)', [foreign]);
      await expect(migrate()).rejects.toThrow(`Table '${foreign}' already exists`);
      await expect(migrate()).rejects.toThrow(`Table '${foreign}' already exists`);
      await connection.query('DROP TABLE ??', [foreign]);
      expect(await migrate()).toEqual(['CreateShelves1700000000001']);
      expect(Object.keys(await tablesOf(databaseUrl))).toEqual(['migrations', 'shelves', 'units']);
    });
});

async function countStatements(migration: MigrationInterface): Promise<number> {
  let count = 0;
  const query = async () => { count += 1; };
  await migration.up({ query } as unknown as QueryRunner);
  return count;
}

/** Every table by its name: its columns, keys and constraints, and how many rows it has. */
async function tablesOf(databaseUrl: string): Promise<Record<string, [string, number]>> {
  const connection = await createConnection({ uri: databaseUrl });
  const tables: Record<string, [string, number]> = {};
  const [names] = await connection.query<TableRow[]>(`SELECT table_name AS name
    FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name`);
  for (const { name } of names) {
    const [[shape]] = await connection.query<RowDataPacket[]>('SHOW CREATE TABLE ??', [name]);
    const [[row]] = await connection.query<RowDataPacket[]>(
      'SELECT COUNT(*) AS `rows` FROM ??', [name]);
    tables[name] = [String(shape?.['Create Table']), Number(row?.rows)];
  }
  await connection.end();
  return tables;
}
