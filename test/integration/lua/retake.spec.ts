import { leaseMs, strategies, TestLedger, type TestSale } from '../../support/ledger';

describe.each(strategies)('retake of a sale with %s', (strategy) => {
  let ledger: TestLedger;

  beforeAll(() => { ledger = new TestLedger(strategy); });
  afterAll(() => ledger.close());

  const retake = (sale: TestSale, rid: string, hold: number, fence = {}) =>
    sale.run('retake', ...sale.retaking(rid, hold, fence));
  const refused = (sale: TestSale, rid: string, hold: number, fence = {}) =>
    sale.unchangedBy('retake', ...sale.retaking(rid, hold, fence));

  it('holds the units in every place at once: counters, record, buyer, lease', async () => {
    const sale = await ledger.openSale();
    await sale.bring('r1', 'frozen', { user: 'ann', quantity: 2 });
    const { record } = await sale.remembered('r1');
    const earliestMs = await sale.now() + leaseMs;
    expect(await retake(sale, 'r1', 2)).toBe(1);
    expect(await sale.counters()).toEqual([8, 2, 0, 0]);
    expect(await sale.redis.hgetall(sale.keys.users)).toEqual({ ann: '2' });
    const after = await sale.remembered('r1');
    expect(Number(after.due)).toBeGreaterThanOrEqual(earliestMs);
    const [, , , ...rest] = record?.split('|') ?? [];
    expect(after.record).toBe(['R2', 2, after.due, ...rest].join('|'));
  });

  it('answers the same again while it is held, and takes nothing twice', async () => {
    const sale = await ledger.openSale();
    await sale.bring('r1', 'frozen');
    await retake(sale, 'r1', 2);
    expect(await refused(sale, 'r1', 2)).toBe(2);
    await sale.run('confirm', 'r1', 8e12);
    expect(await refused(sale, 'r1', 2)).toBe(2);
    expect(await sale.counters()).toEqual([9, 0, 1, 0]);
  });

  it.each(['reserved', 'pending_payment', 'paid', 'cancelled', 'expired', 'rejected', 'refunded'] as
    const)('takes nothing for a record that is %s', async (status) => {
    const sale = await ledger.openSale();
    await sale.bring('r1', status);
    expect(await refused(sale, 'r1', 2)).toBe(0);
  });

  it('takes nothing for a hold that is over: a command that comes late', async () => {
    const sale = await ledger.openSale();
    await sale.bring('r1', 'frozen');
    await retake(sale, 'r1', 2);
    await sale.run('release', 'r1', 'F2');
    expect(await refused(sale, 'r1', 2)).toBe(0);
    expect(await retake(sale, 'r1', 3)).toBe(1);
    expect(await refused(sale, 'r1', 2)).toBe(0);
  });

  it('is not undone by a release that was meant for the hold before', async () => {
    const sale = await ledger.openSale();
    await sale.bring('r1', 'frozen');
    await retake(sale, 'r1', 2);
    expect(await sale.unchangedBy('release', 'r1', 'F')).toEqual([0]);
    await sale.run('confirm', 'r1', 8e12);
    expect(await sale.unchangedBy('release', 'r1', 'F')).toEqual([0]);
    expect(await sale.run('release', 'r1', 'F2')).toEqual([1]);
    expect(await sale.counters()).toEqual([10, 0, 0, 0]);
  });

  it.each(['C', 'E'])('is undone by a row that is final (%s), whatever the hold', async (final) => {
    const sale = await ledger.openSale();
    await sale.bring('r1', 'frozen');
    await retake(sale, 'r1', 2);
    expect(await sale.run('release', 'r1', final)).toEqual([1]);
    expect((await sale.remembered('r1')).record).toMatch(new RegExp(`^${final}2\\|`));
    expect(await refused(sale, 'r1', 3)).toBe(0);
  });

  it('keeps its hold through confirm, settle and refund', async () => {
    const sale = await ledger.openSale();
    await sale.bring('r1', 'frozen');
    await retake(sale, 'r1', 2);
    for (const [script, args, letter] of [['confirm', [8e12], 'O2'], ['settle', [], 'S2'],
      ['release', ['B'], 'B2']] as const) {
      expect(await sale.run(script, 'r1', ...args)).toEqual([1]);
      expect((await sale.remembered('r1')).record).toMatch(new RegExp(`^${letter}\\|`));
    }
    expect(await sale.counters()).toEqual([10, 0, 0, 0]);
  });

  it('refuses when somebody else has the last unit now', async () => {
    const sale = await ledger.openSale({ total: 2 });
    await sale.bring('r1', 'frozen', { quantity: 2 });
    await sale.reserve('r2');
    expect(await refused(sale, 'r1', 2)).toBe(-1);
    await sale.run('release', 'r2', 'C');
    expect(await retake(sale, 'r1', 2)).toBe(1);
  });

  it('refuses when the buyer has bought up to his limit since', async () => {
    const sale = await ledger.openSale({ limit: 2 });
    await sale.bring('r1', 'frozen', { user: 'ann' });
    await sale.reserve('r2', { user: 'ann', quantity: 2 });
    expect(await refused(sale, 'r1', 2)).toBe(-2);
  });

  it.each(['paused', 'closed'] as const)('holds units of a sale that is %s: the buyer came in time',
    async (state) => {
      const sale = await ledger.openSale();
      await sale.bring('r1', 'frozen');
      await sale.run('set-state', state);
      expect(await retake(sale, 'r1', 2)).toBe(1);
    });

  it('holds units of a sale whose time is over', async () => {
    const sale = await ledger.openSale({ closesMs: 1, rows: [
      ['r1', 'F', 1, 5, 1, 5, 'print', 'ann']] });
    expect(await retake(sale, 'r1', 2)).toBe(1);
  });

  it('reads the hold of a row that was loaded', async () => {
    const sale = await ledger.openSale({ rows: [['r1', 'F3', 1, 5, 1, 5, 'print', 'ann'],
      ['r2', 'O2', 1, 8e12, 2, 5, 'print', 'bob']] });
    expect(await refused(sale, 'r1', 3)).toBe(0);
    expect(await retake(sale, 'r1', 4)).toBe(1);
    expect(await sale.unchangedBy('release', 'r2', 'F')).toEqual([0]);
    expect(await sale.run('release', 'r2', 'F2')).toEqual([1]);
  });

  it('is fenced: nothing for another server, another epoch, or while a load is under way',
    async () => {
      const sale = await ledger.openSale();
      await sale.bring('r1', 'frozen');
      expect(await refused(sale, 'r1', 2, { boot: 'another-server' })).toBe(-7);
      expect(await refused(sale, 'r1', 2, { epoch: 2 })).toBe(-7);
      for (const state of ['loading', 'recovering']) {
        await sale.redis.hset(sale.keys.meta, 'state', state);
        expect(await refused(sale, 'r1', 2)).toBe(-7);
      }
    });
});
