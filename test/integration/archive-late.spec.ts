import { randomUUID } from 'node:crypto';
import { Database } from '../../src/infra/database';
import { OrderStore, OrderWriter } from '../../src/order';
import { SaleCatalog } from '../../src/sale';
import { StockGate } from '../../src/stock';
import { archive, letAge } from '../support/archiving';
import { expectProblem } from '../support/expect-problem';
import { TestProduct } from '../support/product';

jest.setTimeout(120_000);

describe('the archive, when something comes years late,', () => {
  let product: TestProduct;
  const tables = () => product.get(Database);

  // The schedule must not do what a test is about to.
  beforeAll(async () => { product = await TestProduct.start({ ARCHIVE_AFTER_DAYS: 'off' }); });
  afterEach(() => { jest.restoreAllMocks(); });
  afterAll(() => product.stop());

  /** With one order, which ann has paid. She may have three. */
  async function archivedSale() {
    const { client } = product;
    const saleId = await client.openSale({ limitPerUser: 3 });
    const paid = await client.order(saleId, 'ann');
    await client.pay(paid.id, 'ann');
    await client.atRest(saleId);
    await letAge(product, saleId);
    await archive(product);
    expect(await isArchived(saleId)).toBe(true);
    return { saleId, paid };
  }

  /** Rows of the sale: those in the way of others, and those in the archive. */
  async function countOf(table: 'orders' | 'stock_ledger' | 'buyer_quotas', saleId: string) {
    const count = async (name: string) => (await tables().query<{ rows: number }>(
      `SELECT COUNT(*) AS \`rows\` FROM ${name} WHERE sale_id = ?`, [saleId]))[0]?.rows ?? 0;
    return [await count(table), await count(`archived_${table}`)];
  }

  const isArchived = async (saleId: string) => (await tables().query(
    'SELECT id FROM sales WHERE id = ? AND archived_at IS NOT NULL', [saleId])).length === 1;

  /** A job of this buyer's that comes after the sale has gone to the archive. */
  async function lateJob(saleId: string, userId: string, quantity = 1) {
    const sale = await product.get(SaleCatalog).find(saleId);
    if (!sale) throw new Error('The sale is not there');
    const rid = product.get(StockGate).idOf(userId, saleId, randomUUID());
    return { sale, entry: { rid, userId, quantity, fingerprint: '', seq: 99, epoch: 1, ip: '',
      traceId: '0'.repeat(32), reservedAtMs: Date.now() } };
  }

  it('is open again for a tombstone that comes far too late, and takes it, too', async () => {
    const { saleId } = await archivedSale();
    const { sale, entry } = await lateJob(saleId, 'zoe');
    const row = await product.get(OrderStore).insertTombstone(sale, entry, 'rejected', 'X');
    expect(row).toMatchObject({ id: entry.rid, status: 'rejected' });
    expect(await isArchived(saleId)).toBe(false);
    expect(await countOf('orders', saleId)).toEqual([1, 1]);
    await archive(product);
    expect(await countOf('orders', saleId)).toEqual([0, 2]);
    expect(await isArchived(saleId)).toBe(true);
  });

  it('holds an order against its tombstone, also if it came there after somebody had looked for it',
    async () => {
      const { saleId, paid } = await archivedSale();
      const { sale, entry } = await lateJob(saleId, 'ann');
      const store = product.get(OrderStore);
      jest.spyOn(store, 'find').mockResolvedValueOnce(undefined);
      const row = await store.insertTombstone(sale, { ...entry, rid: paid.id }, 'rejected', 'X');
      expect(row).toMatchObject({ id: paid.id, status: 'paid' });
      expect(await countOf('orders', saleId)).toEqual([0, 1]);
    });

  it('counts against the limit what its buyer has in it, should an order still be written', async () => {
    const { saleId } = await archivedSale();
    const { sale, entry } = await lateJob(saleId, 'ann', 3);
    const [row] = await product.get(OrderWriter).write(sale, [entry]);
    expect(row).toMatchObject({ status: 'rejected', reason: 'LIMIT_EXCEEDED' });
    await archive(product);
    expect(await countOf('buyer_quotas', saleId)).toEqual([0, 1]);
    expect(await isArchived(saleId)).toBe(true);
  });

  it('keeps the stock of its sales as it is, and still knows what was done to it', async () => {
    const { client } = product;
    const saleId = await client.openSale();
    expect((await client.adjust(saleId, 5, 'second-delivery')).status).toBe(200);
    await client.atRest(saleId);
    await letAge(product, saleId);
    await archive(product);
    for (const delta of [5, -5]) {
      expectProblem(await client.adjust(saleId, delta), 'SALE_STATE_CONFLICT');
    }
    expect((await client.adjust(saleId, 5, 'second-delivery')).status).toBe(200);
    expect((await client.stock(saleId)).total).toBe(15);
    expect(await countOf('stock_ledger', saleId)).toEqual([0, 2]);
    expect(await tables().query('SELECT status FROM stock_adjustments WHERE sale_id = ?',
      [saleId])).toEqual([{ status: 'done' }]);
  });
});
