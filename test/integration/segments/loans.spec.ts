import { Database } from '../../../src/infra/database';
import { RedisConnections } from '../../../src/infra/redis';
import { SegmentKeeper } from '../../../src/reconciliation/segment-keeper';
import { SaleGate } from '../../../src/sale';
import { saleKeys, StockAdjustments } from '../../../src/stock';
import { expectProblem } from '../../support/expect-problem';
import { TestProduct } from '../../support/product';
import { SegmentedSale } from '../../support/segmented-sale';
import { until } from '../../support/until';

jest.setTimeout(240_000);

describe('a loan between segments', () => {
  let product: TestProduct;

  beforeAll(async () => {
    product = await TestProduct.start();
    // From here on a loan is completed when a test says so, however long a test takes.
    await product.get(SegmentKeeper).onModuleDestroy();
  });
  afterEach(() => { jest.restoreAllMocks(); });
  afterAll(() => product.stop());

  /** From here on this side of every loan fails, as if the process had died there. */
  function breakSide(isSide: (delta: number) => boolean): void {
    const adjustments = product.get(StockAdjustments);
    const real = adjustments.adjust.bind(adjustments);
    jest.spyOn(adjustments, 'adjust').mockImplementation(async (adjustment, cause) => {
      if (cause.source === 'loan' && isSide(adjustment.delta)) throw new Error('It died here');
      return real(adjustment, cause);
    });
  }

  /** Somebody asks the first segment, which has run out, for a unit; the loan of two stays half done. */
  async function beginLoan(sale: SegmentedSale): Promise<void> {
    breakSide((delta) => delta > 0);
    // On a busy machine a buyer may be sent away before anybody borrows for him.
    await until('a loan is written down', async () => {
      await product.client.buy(sale.id, sale.buyerOf(0));
      return (await sale.loans()).length > 0;
    });
    jest.restoreAllMocks();
    expect(await sale.loans()).toEqual([{ status: 'begun', units: 2 }]);
  }

  /** As if all loans of the sale were of more than five seconds ago. */
  const letAge = (sale: SegmentedSale) => product.get(Database).execute(
    'UPDATE segment_loans SET created_at = NOW(3) - INTERVAL 1 MINUTE WHERE sale_id = ?', [sale.id]);

  /** What a worker does every few seconds, for loans of more than five seconds ago. */
  async function completeLoans(sale: SegmentedSale): Promise<void> {
    await letAge(sale);
    // Whatever fails in one look is left to the next.
    await until('no loan is under way', async () => {
      await product.get(SegmentKeeper).look();
      const loans = await sale.loans();
      return loans.length > 0 && loans.every(({ status }) => status !== 'begun');
    }, 20_000);
  }

  it.each([
    ['before the lender', (delta: number) => delta < 0, 0],
    ['between the two', (delta: number) => delta > 0, 5],
  ])('that dies %s: nobody hears "sold out", nothing is lost, and a worker completes it',
    async (_, isSide, lent) => {
      const { client } = product;
      const sale = await SegmentedSale.open(product, { stock: 10, segments: 2, limitPerUser: 10 });
      expect((await sale.press(sale.buyerOf(0), 5)).status).toBe(202);
      breakSide(isSide);
      expectProblem(await client.buy(sale.id, sale.buyerOf(0), { quantity: 5 }),
        'TEMPORARILY_UNAVAILABLE');
      expectProblem(await client.buy(sale.id, sale.buyerOf(0), { quantity: 5 }),
        'TEMPORARILY_UNAVAILABLE');
      expect(await client.stock(sale.id)).toMatchObject({ total: 10, lent, consistent: true });
      jest.restoreAllMocks();
      await completeLoans(sale);
      expect(await sale.loans()).not.toContainEqual(expect.objectContaining({ status: 'begun' }));
      expect((await sale.press(sale.buyerOf(0), 5)).status).toBe(202);
      expect(await sale.expectBooksToBalance(10)).toMatchObject({ redis: { available: 0 } });
    });

  it('whose lender has sold the units meanwhile takes nothing, and the buyer hears the truth', async () => {
    const sale = await SegmentedSale.open(product, { stock: 2, segments: 2 });
    expect((await sale.press(sale.buyerOf(0))).status).toBe(202);
    const adjustments = product.get(StockAdjustments);
    const real = adjustments.adjust.bind(adjustments);
    jest.spyOn(adjustments, 'adjust').mockImplementationOnce(async (adjustment, cause) => {
      expect((await sale.press(sale.buyerOf(1))).status).toBe(202);
      return real(adjustment, cause);
    });
    expectProblem(await sale.press(sale.buyerOf(0)), 'SOLD_OUT');
    expect(await sale.loans()).toMatchObject([{ status: 'refused', units: 1 }]);
    await sale.expectBooksToBalance(2);
  });

  it('is completed once, however many complete it at the same time', async () => {
    const sale = await SegmentedSale.open(product, { stock: 8, segments: 2 });
    for (const userId of sale.buyersOf(0, 4)) await sale.press(userId);
    await beginLoan(sale);
    await letAge(sale);
    await Promise.all(Array.from({ length: 4 }, () => product.get(SegmentKeeper).look()));
    await completeLoans(sale);
    expect(await sale.loans()).toEqual([{ status: 'done', units: 2 }]);
    expect(await sale.available()).toEqual([2, 2]);
    await sale.expectBooksToBalance(8);
  });

  it('of which reconciliation completes a side is right in the books all the same', async () => {
    const sale = await SegmentedSale.open(product, { stock: 8, segments: 2 });
    for (const userId of sale.buyersOf(0, 4)) await product.client.order(sale.id, userId);
    // The lender's units are out of Redis, and its transaction is lost: a drift that stands.
    jest.spyOn(StockAdjustments.prototype as unknown as { move: () => Promise<unknown> }, 'move')
      .mockRejectedValueOnce(new Error('Its commit is lost'));
    expectProblem(await product.client.buy(sale.id, sale.buyerOf(0)), 'TEMPORARILY_UNAVAILABLE');
    // At once, and not by a load, in which the units would be the lender's again.
    const { status, body } = await product.client.reconcile(sale.id);
    expect([status, body.items.map(({ rebuilt }) => rebuilt)]).toEqual([200, [false, false]]);
    expect(await product.client.stock(sale.id)).toMatchObject({ total: 8, lent: 2, consistent: true });
    await completeLoans(sale);
    expect(await sale.available()).toEqual([2, 2]);
    await sale.expectBooksToBalance(8);
  });

  it('under way outlives the loss of both segments in Redis', async () => {
    const sale = await SegmentedSale.open(product, { stock: 8, segments: 2 });
    for (const userId of sale.buyersOf(0, 4)) await product.client.order(sale.id, userId);
    await beginLoan(sale);
    const { general } = product.get(RedisConnections);
    for (const stockId of sale.stockIds) {
      const { meta, records, users, due } = saleKeys(product.config.redisNamespace, stockId);
      await general.del(meta, records, users, due);
    }
    await until('both are loaded', async () => (await product.client.stock(sale.id)).loaded, 45_000);
    await completeLoans(sale);
    expect(await sale.loans()).toEqual([{ status: 'done', units: 2 }]);
    expect(await sale.available()).toEqual([2, 2]);
    await sale.expectBooksToBalance(8);
  });

  it('is not asked for, and "sold out" not said, while a segment cannot say what it has', async () => {
    const sale = await SegmentedSale.open(product, { stock: 2, segments: 2 });
    expect((await sale.press(sale.buyerOf(0))).status).toBe(202);
    const { meta } = saleKeys(product.config.redisNamespace, sale.stockIds[1] ?? '');
    const { general } = product.get(RedisConnections);
    await general.hset(meta, 'state', 'recovering');
    const answer = await product.client.buy(sale.id, sale.buyerOf(0));
    // A worker may have mended it by now; then the unit is his.
    if (answer.status !== 202) expectProblem(answer, 'TEMPORARILY_UNAVAILABLE');
    await until('it is mended', async () =>
      (await sale.press(sale.buyerOf(0))).body.code === 'SOLD_OUT', 45_000);
    await sale.expectBooksToBalance(2);
  });

  it('is not asked for either while nobody can say it, since the node of a segment is away', async () => {
    const sale = await SegmentedSale.open(product, { stock: 2, segments: 2 });
    expect((await sale.press(sale.buyerOf(0))).status).toBe(202);
    const gate = product.get(SaleGate);
    const real = gate.available.bind(gate);
    jest.spyOn(gate, 'available').mockImplementation(async (stockIds) =>
      new Map([...await real(stockIds), [sale.stockIds[1] ?? '', undefined]]));
    expectProblem(await product.client.buy(sale.id, sale.buyerOf(0)), 'TEMPORARILY_UNAVAILABLE');
    jest.restoreAllMocks();
    expect((await sale.press(sale.buyerOf(0))).status).toBe(202);
  });

  it('fails for a time as a refusal that the buyer may repeat, never as an internal error', async () => {
    const sale = await SegmentedSale.open(product, { stock: 2, segments: 2 });
    await sale.press(sale.buyerOf(0));
    const database = product.get(Database);
    const real = database.execute.bind(database);
    jest.spyOn(database, 'execute').mockImplementation(async (sql, values) => {
      if (sql.includes('INTO segment_loans')) throw new Error('The database is away');
      return real(sql, values);
    });
    expectProblem(await product.client.buy(sale.id, sale.buyerOf(0)), 'TEMPORARILY_UNAVAILABLE');
    jest.restoreAllMocks();
    expect((await sale.press(sale.buyerOf(0))).status).toBe(202);
  });
});
