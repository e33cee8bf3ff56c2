import { boot, strategies, TestLedger, type TestSale } from '../../support/ledger';

describe.each(strategies)('adjust of a sale with %s', (strategy) => {
  let ledger: TestLedger;

  beforeAll(() => { ledger = new TestLedger(strategy); });
  afterAll(() => ledger.close());

  const adjust = (sale: TestSale, id: string, delta: number | string, epoch = 1) =>
    sale.run('adjust', id, delta, boot, epoch);
  const stock = (sale: TestSale) => sale.redis.hmget(sale.keys.meta, 'total', 'available');

  it.each([['an increase', 5, '15'], ['a decrease', -5, '5'], ['a decrease to nothing', -10, '0']])(
    'applies %s to the total and what is available, once per id', async (_title, delta, left) => {
      const sale = await ledger.openSale();
      expect(await adjust(sale, 'a1', delta)).toEqual([1, Number(left)]);
      expect(await stock(sale)).toEqual([left, left]);
      expect(await sale.unchangedBy('adjust', 'a1', delta, boot, 1)).toEqual([2, Number(left)]);
      expect(await sale.unchangedBy('adjust', 'a1', 1, boot, 1)).toEqual([2, Number(left)]);
    });

  it('applies one delta as often as there are ids', async () => {
    const sale = await ledger.openSale();
    for (const id of ['a1', 'a2', 'a|3', 'ä 4']) await adjust(sale, id, 1);
    expect(await stock(sale)).toEqual(['14', '14']);
  });

  it('refuses a decrease of units that are held, ordered or sold', async () => {
    const sale = await ledger.openSale();
    await sale.bring('r1', 'reserved', { quantity: 2 });
    await sale.bring('r2', 'pending_payment', { quantity: 2 });
    await sale.bring('r3', 'paid', { quantity: 2 });
    expect(await sale.unchangedBy('adjust', 'a1', -5, boot, 1)).toEqual([-1, 4]);
    expect(await adjust(sale, 'a1', -4)).toEqual([1, 0]);
    expect(await sale.counters()).toEqual([0, 2, 2, 2]);
  });

  it('lets a refused id succeed once the units are back', async () => {
    const sale = await ledger.openSale({ total: 2 });
    await sale.reserve('r1', { quantity: 2 });
    expect((await sale.unchangedBy('adjust', 'a1', -1, boot, 1))).toEqual([-1, 0]);
    await sale.run('release', 'r1', 'C');
    expect(await adjust(sale, 'a1', -1)).toEqual([1, 1]);
  });

  it('puts a sold-out sale on again', async () => {
    const sale = await ledger.openSale({ total: 1 });
    await sale.reserve('r1');
    expect((await sale.reserve('r2'))[0]).toBe(-1);
    await adjust(sale, 'a1', 1);
    expect((await sale.reserve('r2'))[0]).toBe(1);
  });

  it('does not apply again what the loaded total contains', async () => {
    const sale = await ledger.openSale({ total: 15, adjustmentIds: ['a1'] });
    expect(await sale.unchangedBy('adjust', 'a1', 5, boot, 1)).toEqual([2, 15]);
  });

  it.each(['paused', 'closed'])('works on a sale that is %s', async (state) => {
    const sale = await ledger.openSale();
    await sale.run('set-state', state);
    expect(await adjust(sale, 'a1', 1)).toEqual([1, 11]);
  });

  it('is fenced: another server, another epoch, a recovery, a load', async () => {
    const sale = await ledger.openSale({ epoch: 3 });
    expect(await sale.unchangedBy('adjust', 'a1', 1, 'another boot', 3)).toEqual([-7, 0]);
    expect(await sale.unchangedBy('adjust', 'a1', 1, boot, 2)).toEqual([-7, 0]);
    expect(await sale.unchangedBy('adjust', 'a1', 1, boot, 4)).toEqual([-7, 0]);
    for (const state of ['recovering', 'loading']) {
      await sale.redis.hset(sale.keys.meta, 'state', state);
      expect(await sale.unchangedBy('adjust', 'a1', 1, boot, 3)).toEqual([-7, 0]);
    }
  });
});
