import { strategies, TestLedger, type TestSale } from '../../support/ledger';

describe.each(strategies)('the backlog of a sale with %s', (strategy) => {
  let ledger: TestLedger;

  beforeAll(() => { ledger = new TestLedger(strategy); });
  afterAll(() => ledger.close());

  const backlog = 3;
  const code = async (sale: TestSale, rid: string, attempt = {}) =>
    (await sale.reserve(rid, { backlog, ...attempt }))[0];

  /** A sale that holds as many units without a row as it may. */
  async function aFullSale(total = 10): Promise<TestSale> {
    const sale = await ledger.openSale({ total });
    for (const rid of ['r1', 'r2', 'r3']) expect(await code(sale, rid)).toBe(1);
    return sale;
  }

  it('ends the taking of more, and nothing is written for who comes then', async () => {
    const sale = await aFullSale();
    expect(await sale.unchangedBy('reserve', ...sale.attempt('r4', { backlog })))
      .toEqual([-12, 7, 0, '', 0, 0]);
  });

  it('is counted in units, and a purchase that began below it is held whole', async () => {
    const sale = await ledger.openSale();
    expect([await code(sale, 'r1', { quantity: 2 }), await code(sale, 'r2', { quantity: 2 }),
      await code(sale, 'r3')]).toEqual([1, 1, -12]);
  });

  it('does not end at all when it is 0', async () => {
    const sale = await aFullSale();
    expect(await code(sale, 'r4', { backlog: 0 })).toBe(1);
  });

  it('answers who is held already, and who used his key for another body', async () => {
    const sale = await aFullSale();
    expect(await code(sale, 'r1')).toBe(2);
    expect(await code(sale, 'r1', { fingerprint: 'other' })).toBe(-3);
  });

  it.each(['confirm', 'settle', 'release'] as const)('has room again after %s', async (script) => {
    const sale = await aFullSale();
    const argument = { confirm: [8e12], settle: [], release: ['C'] }[script];
    await sale.run(script, 'r1', ...argument);
    expect([await code(sale, 'r4'), await code(sale, 'r5')]).toEqual([1, -12]);
  });

  it('hides no final answer: spent proof, sold out, over the limit', async () => {
    const sale = await aFullSale(4);
    await sale.reserve('r4', { user: 'ann', saleToken: 'token' });
    expect(await code(sale, 'r5', { saleToken: 'token' })).toBe(-10);
    expect(await code(sale, 'r5')).toBe(-1);
    await sale.run('release', 'r1', 'C', 'r2', 'C');
    expect(await code(sale, 'r5', { user: 'ann', quantity: 2, backlog: 1 })).toBe(-2);
  });

  it('spends no proof of who is refused', async () => {
    const sale = await aFullSale();
    expect(await code(sale, 'r4', { saleToken: 'token', captcha: 'answer' })).toBe(-12);
    await sale.run('confirm', 'r1', 8e12);
    expect(await code(sale, 'r4', { saleToken: 'token', captcha: 'answer' })).toBe(1);
  });

  it('is none of a thaw: its buyer came in time', async () => {
    const sale = await ledger.openSale();
    await sale.bring('r0', 'frozen');
    for (const rid of ['r1', 'r2', 'r3']) await code(sale, rid);
    expect(await sale.run('retake', ...sale.retaking('r0', 2))).toBe(1);
  });
});
