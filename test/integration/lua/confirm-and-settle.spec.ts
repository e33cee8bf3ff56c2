import { recordLetters, type OrderStatus } from '../../../src/stock/record';
import { strategies, TestLedger } from '../../support/ledger';

const statuses = Object.keys(recordLetters) as OrderStatus[];

describe.each(strategies)('confirm and settle of a sale with %s', (strategy) => {
  let ledger: TestLedger;

  beforeAll(() => { ledger = new TestLedger(strategy); });
  afterAll(() => ledger.close());

  it('confirm turns reserved units into ordered ones, due at the payment deadline', async () => {
    const sale = await ledger.openSale();
    await sale.reserve('r1', { user: 'ann', quantity: 2 });
    const before = await sale.remembered('r1');
    expect(await sale.run('confirm', 'r1', 1_800_000_000_000)).toEqual([1]);
    const fields = before.record?.split('|') ?? [];
    expect(await sale.remembered('r1')).toEqual({ due: '1800000000000',
      record: fields.with(0, 'O').with(2, '1800000000000').join('|') });
    expect(await sale.counters()).toEqual([8, 0, 2, 0]);
    expect(await sale.redis.hget(sale.keys.users, 'ann')).toBe('2');
  });

  it.each([['reserved', [8, 0, 0, 2]], ['pending_payment', [8, 0, 0, 2]]] as const)(
    'settle sells units that are %s and forgets their deadline', async (status, counters) => {
      const sale = await ledger.openSale();
      await sale.bring('r1', status, { user: 'ann', quantity: 2 });
      const { record } = await sale.remembered('r1');
      expect(await sale.run('settle', 'r1')).toEqual([1]);
      expect(await sale.remembered('r1'))
        .toEqual({ due: null, record: record?.replace(/^[RO]/, 'S') });
      expect(await sale.counters()).toEqual(counters);
      expect(await sale.redis.hget(sale.keys.users, 'ann')).toBe('2');
    });

  it.each(statuses.filter((status) => status !== 'reserved'))(
    'confirm leaves a reservation that is %s as it is', async (status) => {
      const sale = await ledger.openSale();
      await sale.bring('r1', status);
      expect(await sale.unchangedBy('confirm', 'r1', 7)).toEqual([0]);
    });

  it.each(statuses.filter((status) => status !== 'reserved' && status !== 'pending_payment'))(
    'settle leaves a reservation that is %s as it is', async (status) => {
      const sale = await ledger.openSale();
      await sale.bring('r1', status);
      expect(await sale.unchangedBy('settle', 'r1')).toEqual([0]);
    });

  it('both answer 0 for a reservation that nobody made', async () => {
    const sale = await ledger.openSale();
    expect(await sale.unchangedBy('confirm', 'r1', 7)).toEqual([0]);
    expect(await sale.unchangedBy('settle', 'r1')).toEqual([0]);
  });

  it('answer for each of a batch on its own, and count one that comes twice once', async () => {
    const sale = await ledger.openSale();
    await sale.bring('r1', 'reserved', { quantity: 2 });
    await sale.bring('r2', 'cancelled');
    await sale.bring('r3', 'reserved');
    const batch = ['r1', 'r2', 'nobody', 'r1', 'r3'];
    expect(await sale.run('confirm', ...batch.flatMap((rid) => [rid, 5]))).toEqual([1, 0, 0, 0, 1]);
    expect(await sale.counters()).toEqual([7, 0, 3, 0]);
    expect(await sale.run('settle', ...batch)).toEqual([1, 0, 0, 0, 1]);
    expect(await sale.counters()).toEqual([7, 0, 0, 3]);
  });

  it('confirm counts one that comes twice once, however far apart in a long batch', async () => {
    const sale = await ledger.openSale();
    await sale.reserve('r1', { quantity: 2 });
    const between = Array.from({ length: 1_000 }, (_, i) => `nobody-${i}`);
    const codes = await sale.run('confirm', ...['r1', ...between, 'r1'].flatMap((rid) => [rid, 5]));
    expect(codes).toEqual([1, ...between.map(() => 0), 0]);
    expect(await sale.counters()).toEqual([8, 0, 2, 0]);
  });

  it('work on a sale that is paused, closed, past its end or in recovery', async () => {
    for (const state of ['paused', 'closed', 'recovering']) {
      const sale = await ledger.openSale();
      await sale.reserve('r1');
      await sale.redis.hset(sale.keys.meta, 'closes', 1);
      await sale.redis.hset(sale.keys.meta, 'state', state);
      expect(await sale.run('confirm', 'r1', 5)).toEqual([1]);
      expect(await sale.run('settle', 'r1')).toEqual([1]);
      expect(await sale.counters()).toEqual([9, 0, 0, 1]);
    }
  });
});
