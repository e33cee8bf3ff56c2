import { Database } from '../../src/infra/database';
import { OrderWriter } from '../../src/order';
import { SaleCatalog, type Sale } from '../../src/sale';
import { StockBook, type OutboxEntry } from '../../src/stock';
import { TestProduct } from '../support/product';

jest.setTimeout(180_000);

/** Every transaction of a sale waits for the row of its stock: a batch should need few of them. */
describe('a batch that the database refuses', () => {
  let product: TestProduct;
  let writer: OrderWriter;

  // ROLES=api: entries reach the writer when a test says so.
  beforeAll(async () => {
    product = await TestProduct.start({ ROLES: 'api' });
    writer = product.get(OrderWriter);
  });
  afterEach(() => { jest.restoreAllMocks(); });
  afterAll(() => product.stop());

  async function saleWithEntries(count: number): Promise<{ sale: Sale; entries: OutboxEntry[] }> {
    const saleId = await product.client.openSale({ stock: count });
    const sale = await product.get(SaleCatalog).find(saleId);
    if (!sale) throw new Error(`The sale ${saleId} is not there`);
    const entries = Array.from({ length: count }, (_, index): OutboxEntry => ({
      rid: `${saleId}-${String(index).padStart(3, '0')}`, userId: `buyer-${index}`, quantity: 1,
      fingerprint: 'print', epoch: 1, seq: index + 1, reservedAtMs: Date.now(),
      traceId: 'a'.repeat(32), ip: '' }));
    return { sale, entries };
  }

  const sizesOf = (writes: jest.SpiedFunction<StockBook['allocate']>) =>
    writes.mock.calls.map(([, , movements]) => movements.length);

  it('for one of its entries is written in halves, and only that entry is rejected', async () => {
    const { sale, entries } = await saleWithEntries(64);
    await product.get(Database).execute(`INSERT INTO buyer_quotas
      (sale_id, user_id, quantity, limit_per_user) VALUES (?, 'buyer-33', 1, 1)`, [sale.id]);
    const writes = jest.spyOn(product.get(StockBook), 'allocate');
    const orders = await writer.write(sale, entries);
    expect(sizesOf(writes)).toEqual([64, 32, 32, 16, 8, 4, 2, 1, 1, 2, 4, 8, 16]);
    expect(orders.map(({ id }) => id)).toEqual(entries.map(({ rid }) => rid));
    expect(orders.filter(({ status }) => status !== 'pending_payment')).toEqual([
      expect.objectContaining({ userId: 'buyer-33', status: 'rejected', reason: 'LIMIT_EXCEEDED' })]);
  });

  it('for the units of its end is written as far as they go', async () => {
    const { sale, entries } = await saleWithEntries(16);
    await product.get(Database).execute(
      'UPDATE sale_stock SET total = 11 WHERE sale_id = ?', [sale.id]);
    const orders = await writer.write(sale, entries);
    expect(orders.map(({ status }) => status)).toEqual(
      entries.map((_, index) => (index < 11 ? 'pending_payment' : 'rejected')));
  });

  it('of an epoch that has passed is written together where the database is the gate', async () => {
    const { sale, entries } = await saleWithEntries(40);
    await product.get(Database).execute(
      `UPDATE sale_stock SET epoch = 2, gate = 'database' WHERE sale_id = ?`, [sale.id]);
    const writes = jest.spyOn(product.get(StockBook), 'allocate');
    const orders = await writer.write(sale, entries);
    expect(sizesOf(writes)).toEqual([40, 40]);
    expect(new Set(orders.map(({ status }) => status))).toEqual(new Set(['pending_payment']));
  });

  it('of an epoch that has passed is rejected entry by entry, at no further try, where Redis is the gate',
    async () => {
      const { sale, entries } = await saleWithEntries(4);
      await product.get(Database).execute(
        'UPDATE sale_stock SET epoch = 2 WHERE sale_id = ?', [sale.id]);
      const writes = jest.spyOn(product.get(StockBook), 'allocate');
      const orders = await writer.write(sale, entries);
      expect(sizesOf(writes)).toEqual([4]);
      expect(orders.map(({ status, reason }) => [status, reason])).toEqual(
        entries.map(() => ['rejected', 'EPOCH_PASSED']));
    });
});
