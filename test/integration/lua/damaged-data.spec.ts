import type { SaleKeys } from '../../../src/stock/sale-keys';
import { boot, closer, keysOfScript, type Reply, type ScriptName, strategies, TestLedger, type TestSale }
  from '../../support/ledger';

const records = { reserved: 'r1', ordered: 'r2', sold: 'r3', frozen: 'r4' };
const row = ['r9', 'O', 1, 5, 1, 5, 'print', 'ann'];

/** A call of each script that does something in the sale of `aSale`. */
const calls: Record<ScriptName, (string | number)[]> = {
  'reserve': ['r9', 'ann', 1, 'print', boot, 1, 30_000, 'trace', 'ip', 'phone', 0, 'token', '', 0, ''],
  'retake': [records.frozen, 2, boot, 1, 30_000],
  'confirm': [records.reserved, 5],
  'settle': [records.reserved, records.ordered],
  'release': [records.reserved, 'C', records.ordered, 'E', records.sold, 'B'],
  'requeue': [30_000, 1, 'trace', records.reserved],
  'adjust': ['a1', 5, boot, 1],
  'audit': [],
  'load-begin': [2, boot, 10, 0, 2, 0, 5, 'relay', 'tokens', closer],
  'load-proofs': [closer, 'proof', 'r9'],
  'load-records': [closer, ...row],
  'open': [closer, boot, 'open'],
  'set-state': ['paused'],
  'sold-out': [boot, 1, 100],
  'take-outbox': ['relay', 'one', 10],
  'acknowledge-outbox': ['relay', '1-1'],
};

/** Counts that HINCRBY cannot use, or that Lua would take for another number. */
const noCounts = ['', 'abc', 'nan', 'inf', '1.5', '1e3', '0x10', '007', '-0', '-5', ' 7',
  '9007199254740993', '1'.padEnd(31, '0')];

describe.each(strategies)('damaged data of a sale with %s', (strategy) => {
  let ledger: TestLedger;

  beforeAll(() => { ledger = new TestLedger(strategy); });
  afterAll(() => ledger.close());

  /** An open sale with one record in each state, being loaded for the scripts of a load. */
  async function aSale(script: ScriptName): Promise<TestSale> {
    const sale = await ledger.openSale();
    await sale.bring(records.reserved, 'reserved');
    await sale.bring(records.ordered, 'pending_payment');
    await sale.bring(records.sold, 'paid');
    await sale.bring(records.frozen, 'frozen');
    if (['load-records', 'load-proofs', 'open'].includes(script)) {
      await sale.redis.hset(sale.keys.meta, { state: 'loading', loader: boot, closer });
    }
    if (script === 'load-begin') await sale.close();
    return sale;
  }

  // A load replaces these keys whole, whatever they are.
  const replaced: readonly string[] = ['records', 'users', 'due', 'adjustments', 'tokens'];
  const typed = (Object.keys(calls) as ScriptName[]).flatMap((script) => keysOfScript[script]
    .filter((key) => !(script === 'load-begin' && replaced.includes(key)))
    // Tokens of another type are a wrong number of them.
    .filter((key) => key !== 'tokens')
    .map((key) => [script, key] as [ScriptName, keyof SaleKeys]));

  it.each(typed)('%s fails before its first write if %s has another type', async (script, key) => {
    const sale = await aSale(script);
    await sale.redis.set(sale.keys[key], 'a string');
    const reply = await sale.unchangedBy(script, ...calls[script]);
    expect(String(reply)).toContain('WRONGTYPE');
  });

  it.each(replaced)('load-begin replaces %s even when it is of another type', async (key) => {
    const sale = await aSale('load-begin');
    await sale.redis.set(sale.keys[key as keyof SaleKeys], 'a string');
    expect(await sale.run('load-begin', ...calls['load-begin'])).toBe(1);
    expect(await sale.redis.type(sale.keys[key as keyof SaleKeys])).not.toBe('string');
  });

  const unreadable: [ScriptName, string[], Reply][] = [
    ['reserve', ['available', 'reserved', 'seq', 'limit', 'opens', 'closes'], [-9, 0, 0, '', 0, 0]],
    ['retake', ['available', 'reserved', 'limit'], -9],
    ['confirm', ['reserved', 'ordered'], [-9]],
    ['settle', ['reserved', 'ordered', 'sold'], [-9]],
    ['release', ['available', 'reserved', 'ordered', 'sold'], [-9]],
    ['adjust', ['available', 'total'], [-9, 0]],
    ['load-records', ['epoch', 'available', 'ordered', 'sold'], -7],
  ];

  describe.each(unreadable)('%s', (script, fields, refusal) => {
    it.each(fields)('does nothing when %s is missing or no count', async (field) => {
      const sale = await aSale(script);
      for (const value of noCounts) {
        await sale.redis.hset(sale.keys.meta, field, value);
        expect({ value, reply: await sale.unchangedBy(script, ...calls[script]) })
          .toEqual({ value, reply: refusal });
      }
      await sale.redis.hdel(sale.keys.meta, field);
      expect(await sale.unchangedBy(script, ...calls[script])).toEqual(refusal);
    });
  });

  const missing: [ScriptName, Reply][] = [['reserve', [-9, 0, 0, '', 0, 0]], ['retake', -9],
    ['confirm', [-9]], ['settle', [-9]], ['release', [-9]], ['requeue', [-9]], ['adjust', [-9, 0]],
    ['load-begin', -7], ['load-records', -7], ['load-proofs', -7], ['open', -7], ['set-state', -9]];

  it.each(missing)('%s does nothing when meta is missing and the rest is there',
    async (script, refusal) => {
      const sale = await aSale(script);
      await sale.redis.unlink(sale.keys.meta);
      expect(await sale.unchangedBy(script, ...calls[script])).toEqual(refusal);
    });

  it.each(missing)('%s does nothing when the whole sale is missing', async (script, refusal) => {
    expect(await ledger.newSale().unchangedBy(script, ...calls[script])).toEqual(refusal);
  });

  const noRecords = ['', 'abc', 'R', 'R|1|1|1|1|1|0|print', '|1|1|1|1|1|0|print|ann',
    'r|1|1|1|1|1|0|print|ann', 'R|nan|1|1|1|1|0|print|ann', 'R|1e3|1|1|1|1|0|print|ann',
    'R|-5|1|1|1|1|0|print|ann', 'R|1.5|1|1|1|1|0|print|ann', 'R||1|1|1|1|0|print|ann',
    'R|9007199254740993|1|1|1|1|0|print|ann', `R|1|1|1|1|1|${'9'.repeat(30)}|print|ann`,
    'R|1|1|1|1|x|0|print|ann', 'R123456|1|1|1|1|1|0|print|ann', 'R-2|1|1|1|1|1|0|print|ann'];

  it.each([
    ['reserve', ['r1', ...calls.reserve.slice(1)], [-9, 0, 0, '', 0, 0]],
    ['retake', ['r1', ...calls.retake.slice(1)], -9],
    ['confirm', ['r1', 5], [0]], ['settle', ['r1'], [0]], ['release', ['r1', 'C'], [0]],
    ['requeue', [30_000, 1, 'trace', 'r1'], [-1]],
  ] as [ScriptName, (string | number)[], Reply][])(
    '%s does nothing with a record that cannot be read', async (script, args, reply) => {
      const sale = await aSale(script);
      for (const text of noRecords) {
        await sale.redis.hset(sale.keys.records, 'r1', text);
        expect({ text, reply: await sale.unchangedBy(script, ...args) }).toEqual({ text, reply });
      }
    });

  it('carries on with the reservations beside one that cannot be read', async () => {
    const sale = await aSale('release');
    await sale.redis.hset(sale.keys.records, 'r1', 'abc');
    expect(await sale.run('release', ...calls.release)).toEqual([0, 1, 1]);
  });

  it.each(noCounts)('counts no units of a buyer on top of "%s"', async (value) => {
    const sale = await aSale('reserve');
    await sale.redis.hset(sale.keys.users,
      { 'ann': value, 'user-r1': value, 'user-r4': value });
    expect(await sale.unchangedBy('reserve', ...calls.reserve)).toEqual([-9, 0, 0, '', 0, 0]);
    expect(await sale.unchangedBy('release', 'r1', 'C')).toEqual([0]);
    expect(await sale.unchangedBy('retake', ...calls.retake)).toBe(-9);
    await sale.redis.hset(sale.keys.meta, { state: 'loading', closer });
    expect(await sale.unchangedBy('load-records', ...calls['load-records'])).toBe(-7);
  });

  it('is made good by a load', async () => {
    const sale = await aSale('reserve');
    await sale.redis.hset(sale.keys.meta,
      { available: 'abc', seq: 'nan', epoch: '1.0', state: '?' });
    await sale.redis.hset(sale.keys.records, 'r1', 'abc');
    await sale.load({ epoch: 2 });
    expect((await sale.reserve('r1', { epoch: 2 }))[0]).toBe(1);
  });
});
