import { recordLetters, type OrderStatus } from '../../../src/stock/record';
import { strategies, TestLedger, type TestSale } from '../../support/ledger';

const statuses = Object.keys(recordLetters) as OrderStatus[];

/** Circumstances in which nobody can buy, but a buyer who did may ask what became of it. */
const circumstances: Record<string, (sale: TestSale) => unknown> = {
  'while the sale is open': () => undefined,
  'while the sale is paused': (sale) => sale.run('set-state', 'paused'),
  'when the sale is closed': (sale) => sale.run('set-state', 'closed'),
  'before the window of the sale': (sale) => sale.redis.hset(sale.keys.meta, 'opens', 9e12),
  'after the window of the sale': (sale) => sale.redis.hset(sale.keys.meta, 'closes', '1'),
  'when everything is sold': async (sale) => {
    await sale.reserve('x1', { quantity: 6 });
    await sale.reserve('x2', { quantity: Number((await sale.counters())[0]) });
    expect((await sale.counters())[0]).toBe(0);
  },
  'when the buyer has reached the limit': async (sale) => {
    await sale.redis.hset(sale.keys.meta, 'limit', '2');
    await sale.reserve('x1', { user: 'ann', quantity: 2 });
  },
};

describe.each(strategies)('a purchase of a sale with %s asked for again', (strategy) => {
  let ledger: TestLedger;

  beforeAll(() => { ledger = new TestLedger(strategy); });
  afterAll(() => ledger.close());

  describe.each(Object.keys(circumstances))('%s', (circumstance) => {
    it.each(statuses)('answers the same order and takes nothing: %s', async (status) => {
      const sale = await ledger.openSale({ limit: 10, total: 11 });
      await sale.reserve('r0');
      await sale.bring('r1', status, { user: 'ann', quantity: 2 });
      const reservedAtMs = Number((await sale.remembered('r1')).record?.split('|')[5]);
      await circumstances[circumstance]?.(sale);

      const again = sale.attempt('r1', { user: 'ann', quantity: 2 });
      const [available] = await sale.counters();
      expect(await sale.unchangedBy('reserve', ...again))
        .toEqual([2, available, 2, recordLetters[status], 2, reservedAtMs]);
    });
  });

  it.each(statuses)('is told apart when it asks for something else: %s', async (status) => {
    const sale = await ledger.openSale();
    await sale.bring('r1', status, { user: 'ann' });
    const [available] = await sale.counters();
    const other = sale.attempt('r1', { user: 'ann', quantity: 2, fingerprint: 'other' });
    expect(await sale.unchangedBy('reserve', ...other)).toEqual([-3, available, 0, '', 0, 0]);
  });

  it('holds units once when the same press arrives fifty times at once', async () => {
    const sale = await ledger.openSale();
    const replies = await Promise.all(Array.from({ length: 50 }, () => sale.reserve('r1')));
    expect(replies.filter(([code]) => code === 1)).toHaveLength(1);
    expect(replies.filter(([code]) => code === 2)).toHaveLength(49);
    expect(await sale.counters()).toEqual([9, 1, 0, 0]);
    expect(await sale.redis.xlen(sale.keys.outbox)).toBe(1);
  });

  it('answers after a load from the database as it did before', async () => {
    const sale = await ledger.openSale();
    await sale.bring('r1', 'pending_payment', { user: 'ann', quantity: 2 });
    const rows = [['r1', 'O', 2, 8e12, 1, 1_700_000_000_000, 'print', 'ann']];
    await sale.load({ epoch: 2, seq: 1, rows });
    const again = sale.attempt('r1', { user: 'ann', quantity: 2, epoch: 2 });
    expect(await sale.unchangedBy('reserve', ...again))
      .toEqual([2, 8, 1, 'O', 2, 1_700_000_000_000]);
  });
});

describe('the fence of reserve', () => {
  let ledger: TestLedger;

  beforeAll(() => { ledger = new TestLedger(); });
  afterAll(() => ledger.close());

  const meta = (sale: TestSale, field: string, value: string) =>
    sale.redis.hset(sale.keys.meta, field, value);
  const fences: Record<string, (sale: TestSale) => unknown> = {
    'data from another server': (sale) => meta(sale, 'boot', 'an older boot'),
    'data of an older epoch': (sale) => meta(sale, 'epoch', '0'),
    'data of a newer epoch': (sale) => meta(sale, 'epoch', '2'),
    'an epoch that only equals as a number': (sale) => meta(sale, 'epoch', '1.0'),
    'data without a boot': (sale) => sale.redis.hdel(sale.keys.meta, 'boot'),
    'data without an epoch': (sale) => sale.redis.hdel(sale.keys.meta, 'epoch'),
    'a sale in recovery': (sale) => sale.close(),
    'a sale that is being loaded': (sale) => meta(sale, 'state', 'loading'),
  };

  it.each(Object.keys(fences))('sells nothing and answers nothing from %s', async (fence) => {
    const sale = await ledger.openSale();
    await sale.reserve('r1');
    await fences[fence]?.(sale);
    expect(await sale.unchangedBy('reserve', ...sale.attempt('r1'))).toEqual([-7, 0, 0, '', 0, 0]);
    expect(await sale.unchangedBy('reserve', ...sale.attempt('r2'))).toEqual([-7, 0, 0, '', 0, 0]);
  });

  it('turns away a caller who knows another server or epoch', async () => {
    const sale = await ledger.openSale({ epoch: 5 });
    const codeFor = async (attempt: { boot?: string; epoch?: number }) => {
      const reply = await sale.unchangedBy('reserve', ...sale.attempt('r1', attempt));
      return Array.isArray(reply) ? reply[0] : reply;
    };
    expect(await codeFor({ epoch: 4 })).toBe(-7);
    expect(await codeFor({ epoch: 6 })).toBe(-7);
    expect(await codeFor({ epoch: 5, boot: 'another' })).toBe(-7);
    expect((await sale.reserve('r1', { epoch: 5 }))[0]).toBe(1);
  });
});
