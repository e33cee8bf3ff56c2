import { Database, isCheckViolation, isDuplicateKey } from '../../../src/infra/database';
import { expectBooksToBalance, readBooks } from '../../support/books';
import { endsOfMixedLife, liveMixedLife } from '../../support/mixed-life';
import { TestProduct } from '../../support/product';
import { whileWatched } from '../../support/watch';

jest.setTimeout(180_000);

describe('the books of a sale', () => {
  let product: TestProduct;
  let database: Database;
  let saleId: string;

  beforeAll(async () => {
    product = await TestProduct.start();
    database = product.get(Database);
    saleId = await product.client.openSale({ stock: 20, limitPerUser: 2 });
  });

  afterAll(() => product.stop());

  const refusal = (sql: string, parameters: unknown[] = [saleId]) =>
    database.execute(sql, parameters).then(() => 'taken', (error: unknown) => {
      if (isCheckViolation(error)) return 'check';
      if (isDuplicateKey(error)) return 'duplicate';
      throw error;
    });

  it('I1–I4, I14: balance after every step of a mixed life', async () => {
    const steps: string[] = [];
    await whileWatched(product, saleId, () => liveMixedLife(product, saleId, async (step) => {
      await expectBooksToBalance(product, saleId).catch((error: unknown) => {
        throw new Error(`They do not balance after this step: ${step}`, { cause: error });
      });
      steps.push(step);
    }));
    expect(steps).toHaveLength(13);
    const { stock, orders, redis } = await readBooks(product, saleId);
    expect(Object.fromEntries(orders.map(({ userId, status }) => [userId, status])))
      .toEqual(endsOfMixedLife);
    expect(stock).toMatchObject({ total: 23, allocated: 4 });
    expect(redis.counters).toMatchObject({ total: 23, available: 19, reserved: 0, ordered: 2,
      sold: 2 });
  });

  it.each([
    'allocated = total + 1', 'allocated = -1', 'total = allocated - 1', 'total = -1',
  ])('I1: the database itself refuses a stock row with %s', async (change) => {
    expect(await refusal(`UPDATE sale_stock SET ${change} WHERE sale_id = ?`)).toBe('check');
  });

  it.each(['reserved', 'sold', '', 'PAID '])(
    'I1: the database itself refuses an order with the status %p', async (status) => {
      expect(await refusal('UPDATE orders SET status = ? WHERE sale_id = ?', [status, saleId]))
        .toBe('check');
    });

  it.each([
    ['of no unit', 'quantity = 0'], ['of too many units', 'quantity = 1001'],
    ['of a negative amount', 'amount = -1'], ['paid at no time', "status = 'paid', paid_at = NULL"],
    ['rejected without a reason', "status = 'rejected', reason = NULL"],
  ])('I1: the database itself refuses an order %s', async (_, change) => {
    expect(await refusal(`UPDATE orders SET ${change} WHERE sale_id = ?`)).toBe('check');
  });

  it.each([
    ['that does not add up', 'allocated_after = allocated_before + allocated_delta + 1'],
    ['that makes units from nothing', "kind = 'release', available_delta = 1"],
    ['of an unknown kind', "kind = 'gift'"],
  ])('I14: the database itself refuses a movement %s', async (_, change) => {
    expect(await refusal(`UPDATE stock_ledger SET ${change} WHERE sale_id = ?`)).toBe('check');
  });

  it('I14: the database itself refuses to move the units of one order twice', async () => {
    expect(await refusal(`INSERT INTO stock_ledger SELECT * FROM stock_ledger
      WHERE sale_id = ? AND kind = 'release' LIMIT 1`)).toBe('duplicate');
    expect(await refusal(`INSERT INTO stock_adjustments SELECT * FROM stock_adjustments
      WHERE sale_id = ? LIMIT 1`)).toBe('duplicate');
  });
});
