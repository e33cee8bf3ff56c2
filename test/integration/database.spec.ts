import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import {
  Database, isCheckViolation, isDuplicateKey, isUnavailable, runMigrations,
} from '../../src/infra/database';
import { FaultProxy } from '../support/fault-proxy';
import { until } from '../support/until';

class CreateUnits1700000000001 implements MigrationInterface {
  name = 'CreateUnits1700000000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE units (
        id INT NOT NULL PRIMARY KEY,
        taken BIGINT NOT NULL DEFAULT 0,
        changed_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
        note JSON NULL,
        CONSTRAINT units_taken CHECK (taken <= 10)
      ) ENGINE = InnoDB`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE units');
  }
}

const server = process.env.TEST_DATABASE_URL ?? '';
const databaseUrl = new URL(`/test_${randomBytes(4).toString('hex')}`, server).href;
const migrations = [CreateUnits1700000000001];
/** Every zone differs by more from every other one. */
const zoneMs = 10 * 60_000;

jest.setTimeout(180_000);

describe('database', () => {
  let database: Database;

  beforeAll(async () => {
    await runMigrations(databaseUrl, migrations);
    database = await Database.connect({ databaseUrl, databasePool: 4 });
  });

  beforeEach(async () => {
    await database.execute('DELETE FROM units');
    await database.execute('INSERT INTO units (id) VALUES ?', [[[1], [2]]]);
  });

  afterEach(() => { jest.restoreAllMocks(); });
  afterAll(async () => {
    await database.execute(`DROP DATABASE ${new URL(databaseUrl).pathname.slice(1)}`);
    await database.onApplicationShutdown();
  });

  const untilBegun = (statement: string) => until('the server is at it', async () =>
    (await database.query('SELECT 1 FROM information_schema.processlist WHERE info = ?',
      [statement])).length);

  it('creates a missing database and migrates it once, though three processes start at once',
    async () => {
      const other = `${databaseUrl}_migrated`;
      const ran = await Promise.all([1, 2, 3].map(() => runMigrations(other, migrations)));
      expect(ran.flat()).toEqual(['CreateUnits1700000000001']);
      await database.execute(`DROP DATABASE ${new URL(other).pathname.slice(1)}`);
    });

  it('reads counts and sums as numbers, times as Dates in UTC, JSON as text', async () => {
    const changedAt = new Date('2026-01-02T03:04:05.678Z');
    await database.execute('UPDATE units SET taken = 7, changed_at = ?, note = ? WHERE id = 1',
      [changedAt, '{"a":1}']);
    const rows = await database.query('SELECT taken, changed_at, note FROM units WHERE id = 1');
    expect(rows).toEqual([{ taken: 7, changed_at: changedAt, note: '{"a":1}' }]);
    expect(await database.query('SELECT SUM(taken) AS sum, COUNT(*) AS count FROM units'))
      .toEqual([{ sum: 7, count: 2 }]);
  });

  it('takes the time of the database as UTC whatever the zone of the server', async () => {
    const beforeMs = Date.now();
    const [row] = await database.query<{ now: Date }>('SELECT NOW(3) AS now');
    const nowMs = row?.now.getTime() ?? 0;
    expect(nowMs).toBeGreaterThan(beforeMs - zoneMs);
    expect(nowMs).toBeLessThan(Date.now() + zoneMs);
  });

  it('counts the rows that a guarded statement matched', async () => {
    const guarded = 'UPDATE units SET taken = taken + 5 WHERE id = 1 AND taken + 5 <= 10';
    expect(await database.execute(guarded)).toMatchObject({ affectedRows: 1 });
    expect(await database.execute(guarded)).toMatchObject({ affectedRows: 1 });
    expect(await database.execute(guarded)).toMatchObject({ affectedRows: 0 });
  });

  it('tells a duplicate key, a broken CHECK and a value that does not fit apart', async () => {
    const failure = async (sql: string, ...parameters: unknown[]): Promise<unknown> =>
      database.execute(sql, parameters).catch((error: unknown) => error);
    const duplicate = await failure('INSERT INTO units (id) VALUES (?)', 1);
    const check = await failure('UPDATE units SET taken = 11');
    const tooLarge = await failure("INSERT INTO units (id) VALUES ('12345678901')");
    expect([duplicate, check, tooLarge].map(isDuplicateKey)).toEqual([true, false, false]);
    expect([duplicate, check, tooLarge].map(isCheckViolation)).toEqual([false, true, false]);
    expect([duplicate, check, tooLarge].map(isUnavailable)).toEqual([false, false, false]);
    expect(duplicate).toMatchObject({ statement: 'INSERT INTO units (id) VALUES (?)' });
  });

  it('rolls everything back when the work throws, and throws the same', async () => {
    const refusal = new Error('no');
    await expect(database.transaction(async (transaction) => {
      await transaction.execute('UPDATE units SET taken = 9 WHERE id = 1');
      throw refusal;
    })).rejects.toBe(refusal);
    expect(await database.query('SELECT SUM(taken) AS sum FROM units')).toEqual([{ sum: 0 }]);
  });

  it('runs the loser of a deadlock again, so that both transactions come through', async () => {
    let [runs, held] = [0, 0];
    let meet: () => void = () => undefined;
    const bothHoldOne = new Promise<void>((resolve) => { meet = resolve; });
    const take = (first: number, second: number) => database.transaction(async (transaction) => {
      runs += 1;
      const add = 'UPDATE units SET taken = taken + 1 WHERE id = ?';
      await transaction.execute(add, [first]);
      held += 1;
      if (held === 2) meet();
      await bothHoldOne;
      await transaction.execute(add, [second]);
    });
    await Promise.all([take(1, 2), take(2, 1)]);
    expect(runs).toBeGreaterThan(2);
    expect(await database.query('SELECT taken FROM units')).toEqual([{ taken: 2 }, { taken: 2 }]);
  });

  it('reads what others have committed meanwhile, in the same transaction', async () => {
    await database.transaction(async (transaction) => {
      expect(await transaction.query('SELECT SUM(taken) AS sum FROM units')).toEqual([{ sum: 0 }]);
      await database.execute('UPDATE units SET taken = 3 WHERE id = 1');
      expect(await transaction.query('SELECT SUM(taken) AS sum FROM units')).toEqual([{ sum: 3 }]);
    });
  });

  it('lets one of two runners have a lock, and the second as soon as the first is done',
    async () => {
      const outer = await database.withLock('work', async () => {
        expect(await database.withLock('work', async () => 'second')).toEqual({ ran: false });
        expect(await database.withLock('other', async () => 1)).toEqual({ ran: true, result: 1 });
        return 'first';
      });
      expect(outer).toEqual({ ran: true, result: 'first' });
      expect(await database.withLock('work', async () => 2)).toEqual({ ran: true, result: 2 });
    });

  it('gives a lock back when the work fails, and says when the lock was lost', async () => {
    await expect(database.withLock('work', () => Promise.reject(new Error('no')))).rejects
      .toThrow('no');
    await database.withLock('work', async (signal) => {
      const name = `${new URL(databaseUrl).pathname.slice(1)}.work`;
      const [row] = await database.query<{ id: number }>('SELECT IS_USED_LOCK(?) AS id', [name]);
      const lost = once(signal, 'abort');
      await database.execute('KILL ?', [row?.id]);
      await lost;
      // The connection breaks a moment before the server has given back what it held.
      expect(await until('the lock is free', async () => {
        const second = await database.withLock('work', async () => 2);
        return second.ran && second;
      })).toEqual({ ran: true, result: 2 });
    });
  });

  it('reports a broken connection as unavailable and works again with the next', async () => {
    const way = await FaultProxy.start(Number(new URL(databaseUrl).port));
    const proxied = await Database.connect({ databaseUrl: urlOver(way), databasePool: 2 });
    const sleeping = "SELECT SLEEP(60), 'broken'";
    const broken = proxied.query(sleeping).catch((error: unknown) => error);
    await untilBegun(sleeping);
    way.cut();
    expect(isUnavailable(await broken)).toBe(true);
    expect(await proxied.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await proxied.onApplicationShutdown();
    await way.stop();
  });

  it('asks a server that is gone five times, then not before a second is over, then goes on',
    async () => {
      const way = await FaultProxy.start(Number(new URL(databaseUrl).port));
      const { circuit, ...calls } = await overThisWay(way);
      await way.refuse();
      const calledAtMs = Date.now();
      const clock = jest.spyOn(Date, 'now').mockReturnValue(calledAtMs);
      const codes = [];
      for (let call = 0; call < 50; call += 1) codes.push(await calls.codeOfQuery());
      expect(codes.slice(-40)).toEqual(Array.from({ length: 40 }, () => 'CIRCUIT_OPEN'));
      expect(codes.filter((code) => code === 'ECONNREFUSED')).toHaveLength(5);
      await way.accept();
      clock.mockReturnValue(calledAtMs + 999);
      expect(await calls.codeOfTransaction()).toBe('CIRCUIT_OPEN');
      expect(circuit.isOpen).toBe(true);
      clock.mockRestore();
      await until('asked again', async () => await calls.codeOfTransaction() === 'none');
      expect(circuit.isOpen).toBe(false);
      await calls.stop();
    });

  it('goes on asking a server that refuses, is busy, or has lost a connection', async () => {
    const way = await FaultProxy.start(Number(new URL(databaseUrl).port));
    const { circuit, ...calls } = await overThisWay(way);
    for (let call = 0; call < 10; call += 1) {
      expect(await calls.codeOfQuery('INSERT INTO units (id) VALUES (1)')).toBe('ER_DUP_ENTRY');
    }
    // One works, a thousand wait, the others are refused by the pool.
    const crowd = Array.from({ length: 1_020 }, () => calls.codeOfQuery('DO SLEEP(0.0001)'));
    const refused = (await Promise.all(crowd)).filter((code) => code !== 'none');
    expect(refused.length).toBeGreaterThan(5);
    for (let call = 0; call < 6; call += 1) {
      const sleeping = `SELECT SLEEP(60), ${call}`;
      const broken = calls.codeOfQuery(sleeping);
      await untilBegun(sleeping);
      way.cut();
      expect(await broken).not.toBe('none');
    }
    expect(circuit.isOpen).toBe(false);
    expect(await calls.codeOfQuery()).toBe('none');
    await calls.stop();
  });

  it('names what to check when the server refuses, without a wait', async () => {
    const missing = Database.connect({ databaseUrl: `${databaseUrl}_none`, databasePool: 2 });
    await expect(missing).rejects.toThrow(/refuses.*Check DATABASE_URL; "npm run migrate"/);
  });
});

/** A pool of one connection over this way, and the codes of what its calls failed with. */
async function overThisWay(way: FaultProxy) {
  const away = await Database.connect({ databaseUrl: urlOver(way), databasePool: 1 });
  const codeOf = (call: Promise<unknown>) =>
    call.then(() => 'none', (error: unknown) => (error as { code: string }).code);
  return {
    circuit: away.circuit,
    codeOfQuery: (sql = 'SELECT 1') => codeOf(away.query(sql)),
    codeOfTransaction: () => codeOf(away.transaction((transaction) => transaction.query('SELECT 1'))),
    stop: async () => {
      await away.onApplicationShutdown();
      await way.stop();
    },
  };
}

function urlOver({ port }: FaultProxy): string {
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${port}`;
  return url.href;
}
