import { recordLetters, type OrderStatus, type ReleasedStatus } from '../../../src/stock/record';
import { strategies, TestLedger } from '../../support/ledger';

const finalStatuses = ['cancelled', 'expired', 'rejected', 'frozen'] as const satisfies
  readonly ReleasedStatus[];
const letters = [...finalStatuses, 'refunded' as const].map((status) => recordLetters[status]);

describe.each(strategies)('release of a sale with %s', (strategy) => {
  let ledger: TestLedger;

  beforeAll(() => { ledger = new TestLedger(strategy); });
  afterAll(() => ledger.close());

  const lives = (['reserved', 'pending_payment'] as const)
    .flatMap((from) => finalStatuses.map((to) => [from, to] as const));

  it.each(lives)('gives units and allowance back once: %s → %s', async (from, to) => {
    const sale = await ledger.openSale();
    await sale.bring('r1', from, { user: 'ann', quantity: 2 });
    const { record } = await sale.remembered('r1');
    expect(await sale.run('release', 'r1', recordLetters[to])).toEqual([1]);
    expect(await sale.remembered('r1'))
      .toEqual({ due: null, record: record?.replace(/^[RO]/, recordLetters[to]) });
    expect(await sale.counters()).toEqual([10, 0, 0, 0]);
    expect(await sale.redis.exists(sale.keys.users)).toBe(0);
    for (const letter of letters.filter((each) => !(to === 'frozen' && each === 'C'))) {
      expect(await sale.unchangedBy('release', 'r1', letter)).toEqual([0]);
    }
  });

  it('closes a frozen record for good when its order is cancelled, and moves no unit', async () => {
    const sale = await ledger.openSale();
    await sale.bring('r1', 'frozen');
    await sale.reserve('r2');
    expect(await sale.run('release', 'r1', 'C')).toEqual([0]);
    expect((await sale.remembered('r1')).record).toMatch(/^C\|/);
    expect(await sale.counters()).toEqual([9, 1, 0, 0]);
    expect(await sale.unchangedBy('retake', ...sale.retaking('r1', 2))).toBe(0);
  });

  it('takes units that were sold back for a refund, once, and for nothing else', async () => {
    const sale = await ledger.openSale();
    await sale.bring('r1', 'paid', { user: 'ann', quantity: 2 });
    for (const status of finalStatuses) {
      expect(await sale.unchangedBy('release', 'r1', recordLetters[status])).toEqual([0]);
    }
    expect(await sale.run('release', 'r1', 'B')).toEqual([1]);
    expect(await sale.counters()).toEqual([10, 0, 0, 0]);
    expect(await sale.unchangedBy('release', 'r1', 'B')).toEqual([0]);
  });

  it.each(['reserved', 'pending_payment', 'cancelled', 'refunded'] as OrderStatus[])(
    'refunds nothing that is %s', async (status) => {
      const sale = await ledger.openSale();
      await sale.bring('r1', status);
      expect(await sale.unchangedBy('release', 'r1', 'B')).toEqual([0]);
    });

  it('keeps what the buyer holds beside it', async () => {
    const sale = await ledger.openSale({ limit: 5 });
    await sale.reserve('r1', { user: 'ann', quantity: 2 });
    await sale.reserve('r2', { user: 'ann', quantity: 3 });
    await sale.run('release', 'r1', 'C');
    expect(await sale.redis.hgetall(sale.keys.users)).toEqual({ ann: '3' });
  });

  it('answers for each of a batch on its own, and counts one that comes twice once', async () => {
    const sale = await ledger.openSale();
    await sale.bring('r1', 'reserved', { quantity: 2 });
    await sale.bring('r2', 'pending_payment');
    await sale.bring('r3', 'paid');
    expect(await sale.run('release', 'r1', 'C', 'r1', 'E', 'nobody', 'C', 'r2', 'J', 'r3', 'C',
      'r3', 'B', 'r3', 'B')).toEqual([1, 0, 0, 1, 0, 1, 0]);
    expect(await sale.counters()).toEqual([10, 0, 0, 0]);
    expect((await sale.remembered('r1')).record).toMatch(/^C/);
  });

  it('gives one unit back when fifty release it at once', async () => {
    const sale = await ledger.openSale();
    await sale.reserve('r1');
    const replies = await Promise.all(Array.from({ length: 50 }, (_, i) =>
      sale.run('release', 'r1', letters[i % 4] ?? '')));
    expect(replies.flat().filter((code) => code === 1)).toHaveLength(1);
    expect(await sale.counters()).toEqual([10, 0, 0, 0]);
  });

  it('puts the unit on sale for the next buyer, and the first buyer may come again', async () => {
    const sale = await ledger.openSale({ total: 1, limit: 1 });
    await sale.reserve('r1', { user: 'ann' });
    expect((await sale.reserve('r2', { user: 'bob' }))[0]).toBe(-1);
    await sale.run('release', 'r1', 'E');
    expect((await sale.reserve('r3', { user: 'ann' }))[0]).toBe(1);
  });

  it('stands: neither confirm, settle nor requeue bring a released unit back', async () => {
    const sale = await ledger.openSale();
    await sale.bring('r1', 'cancelled');
    expect(await sale.unchangedBy('confirm', 'r1', 5)).toEqual([0]);
    expect(await sale.unchangedBy('settle', 'r1')).toEqual([0]);
    expect(await sale.unchangedBy('requeue', 1_000, 1, 'trace', 'r1')).toEqual([-1]);
  });

  it('works on a sale that is paused, closed or in recovery', async () => {
    for (const state of ['paused', 'closed', 'recovering']) {
      const sale = await ledger.openSale();
      await sale.reserve('r1');
      await sale.redis.hset(sale.keys.meta, 'state', state);
      expect(await sale.run('release', 'r1', 'C')).toEqual([1]);
      expect(await sale.counters()).toEqual([10, 0, 0, 0]);
    }
  });
});
