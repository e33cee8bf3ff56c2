import { randomUUID } from 'node:crypto';
import { OrderLife, OrderStore, OrderWriter, type OrderView } from '../../src/order';
import { SaleCatalog } from '../../src/sale';
import { StockArchive } from '../../src/stock';
import { archive as archiveIn, letAge as letAgeIn } from '../support/archiving';
import { admin, type Caller } from '../support/client';
import { untilWaiting } from '../support/lock-waits';
import { PaymentProduct } from '../support/payment-product';

const tables = ['orders', 'stock_ledger', 'buyer_quotas'] as const;

// An ended sale is made of many steps.
jest.setTimeout(180_000);

/** One of each end of an order; `late`: its time to pay ran out while the money was on its way. */
interface EndedSale {
  saleId: string;
  paid: OrderView;
  cancelled: OrderView;
  late: { orderId: string; paymentId: string; amount: number; currency: string };
}

describe('the archive of sales that are long over', () => {
  let product: PaymentProduct;

  // The schedule must not do what a test is about to.
  beforeAll(async () => { product = await PaymentProduct.start({ ARCHIVE_AFTER_DAYS: 'off' }); });
  afterEach(() => { jest.restoreAllMocks(); });
  afterAll(() => product.stop());

  const archive = () => archiveIn(product.product);
  const letAge = (saleId: string) => letAgeIn(product.product, saleId);

  async function endedSale(): Promise<EndedSale> {
    const { client } = product;
    const saleId = await client.openSale({ limitPerUser: 3 });
    const paid = await client.order(saleId, 'ann', { key: 'key-of-ann' });
    await client.pay(paid.id, 'ann');
    const cancelled = await client.order(saleId, 'ann');
    await client.cancel(cancelled.id, 'ann');
    const late = await product.startedPayment(saleId);
    await product.letExpire(late.orderId);
    await product.get(OrderLife).expire(saleId);
    await client.inStatus(late.orderId, 'alice', 'expired');
    await client.atRest(saleId);
    await letAge(saleId);
    return { saleId, paid, cancelled, late };
  }

  /** Rows of the sale: those in the way of others, and those in the archive. */
  async function countOf(table: (typeof tables)[number], saleId: string) {
    const count = async (name: string) => (await product.tables.query<{ rows: number }>(
      `SELECT COUNT(*) AS \`rows\` FROM ${name} WHERE sale_id = ?`, [saleId]))[0]?.rows ?? 0;
    return [await count(table), await count(`archived_${table}`)];
  }

  const isArchived = async (saleId: string) => (await product.tables.query(
    'SELECT id FROM sales WHERE id = ? AND archived_at IS NOT NULL', [saleId])).length === 1;

  /** All that buyers and operators are told about the sale. */
  async function told({ saleId, paid, cancelled, late }: EndedSale) {
    const { client } = product;
    const ask = async (path: string, as: Caller = admin) =>
      (await client.call('GET', path, { as })).body;
    const { orders: mine, unitsHeld } = await ask(`/v1/sales/${saleId}/me`, 'ann');
    return {
      orders: await Promise.all([paid.id, cancelled.id, late.orderId].map((id) =>
        ask(`/v1/orders/${id}`))),
      list: await ask('/v1/orders', 'ann'),
      report: await ask(`/admin/v1/sales/${saleId}/report`),
      stock: await ask(`/admin/v1/sales/${saleId}/stock`),
      mine, unitsHeld,
      again: (await client.buy(saleId, 'ann', { key: 'key-of-ann' })).body,
    };
  }

  it('takes all rows of such a sale and of no other, and everybody is told what he was told before',
    async () => {
      const sale = await endedSale();
      const other = await product.client.openSale();
      await product.client.order(other, 'bob');
      const before = await told(sale);
      expect(before.again).toMatchObject({ id: sale.paid.id, status: 'paid' });
      expect(before.report).toMatchObject({ orders: 3, soldUnits: 1 });
      expect(await archive()).toBeGreaterThan(0);
      expect(await countOf('orders', sale.saleId)).toEqual([0, 3]);
      expect(await countOf('stock_ledger', sale.saleId)).toEqual([0, 6]);
      expect(await countOf('buyer_quotas', sale.saleId)).toEqual([0, 2]);
      expect(await isArchived(sale.saleId)).toBe(true);
      for (const table of tables) expect((await countOf(table, other))[1]).toBe(0);
      expect(await told(sale)).toEqual(before);
      const refused = await product.client.buy(sale.saleId, 'ann', { key: randomUUID() });
      expect([refused.status, refused.body.code]).toEqual([409, 'SALE_CLOSED']);
    });

  it('cut short between two batches leaves each row in one place, and the next run goes on',
    async () => {
      const sale = await endedSale();
      const before = await told(sale);
      jest.spyOn(product.get(StockArchive), 'move').mockRejectedValue(new Error('crash'));
      expect(await archive()).toBe(0);
      expect(await countOf('orders', sale.saleId)).toEqual([3, 0]);
      jest.restoreAllMocks();
      // As after a crash behind the first batch, had it been of one order.
      await product.tables.execute(
        'INSERT INTO archived_orders SELECT * FROM orders WHERE rid = ?', [sale.paid.id]);
      await product.tables.execute('DELETE FROM orders WHERE rid = ?', [sale.paid.id]);
      expect(await told(sale)).toEqual(before);
      await archive();
      expect(await countOf('orders', sale.saleId)).toEqual([0, 3]);
      expect(await told(sale)).toEqual(before);
    });

  it('gives a refunded order back: its units, its quota and the ledger are right, then it takes it again',
    async () => {
      const { saleId, paid } = await endedSale();
      await archive();
      const payment = await product.payment(paid.id);
      const data = { orderId: paid.id, paymentId: payment?.id ?? '', ...paid.amount };
      const reports = await Promise.all([1, 2].map(() =>
        product.deliver('refund.succeeded', data)));
      expect(reports.map(({ status }) => status)).toEqual([200, 200]);
      await product.client.inStatus(paid.id, 'ann', 'refunded');
      expect(await countOf('orders', saleId)).toEqual([1, 2]);
      expect(await product.tables.query(
        'SELECT user_id, quantity FROM buyer_quotas WHERE sale_id = ?', [saleId]))
        .toEqual([{ user_id: 'ann', quantity: 0 }]);
      expect(await product.tables.query('SELECT movement_id FROM stock_ledger WHERE sale_id = ?',
        [saleId])).toEqual([{ movement_id: `release:${paid.id}` }]);
      const { body } = await product.client.call<{ database: object; consistent: boolean }>('GET',
        `/admin/v1/sales/${saleId}/stock`, { as: admin });
      expect(body).toMatchObject({ consistent: true,
        database: { allocated: 0, pendingPayment: 0, paid: 0 } });
      await archive();
      expect(await countOf('orders', saleId)).toEqual([0, 3]);
      expect(await isArchived(saleId)).toBe(true);
    });

  it('keeps a refund waiting that meets a batch on its way, and then lets it find the order', async () => {
    const { saleId, paid } = await endedSale();
    const stock = product.get(StockArchive);
    const move = stock.move.bind(stock);
    const refund = Promise.withResolvers<unknown>();
    // The order's row has been moved by now, and the batch is not committed.
    jest.spyOn(stock, 'move').mockImplementationOnce(async (...given) => {
      product.get(OrderLife).refund(paid.id, { source: 'test', ip: '', traceId: '0'.repeat(32) })
        .then(refund.resolve, refund.reject);
      await untilWaiting(product.tables, 1);
      return move(...given);
    });
    await archive();
    expect(await refund.promise).toBe('refunded');
    await archive();
    expect(await countOf('orders', saleId)).toEqual([0, 3]);
    expect(await product.tables.query('SELECT quantity FROM archived_buyer_quotas '
      + "WHERE sale_id = ? AND user_id = 'ann'", [saleId])).toEqual([{ quantity: 0 }]);
  });

  it('lets money that comes for an order in it go back', async () => {
    const { late } = await endedSale();
    await archive();
    expect((await product.deliver('payment.succeeded', late)).status).toBe(200);
    expect(await product.refunded(late.orderId)).toMatchObject(
      { status: 'refunded', reason: 'SALE_CLOSED' });
    expect(await product.refundedAmount(late.paymentId)).toBe(late.amount);
    const { body } = await product.client.find(late.orderId, 'alice');
    expect(body.status).toBe('expired');
  });

  it('leaves a frozen order to its reviewer, and takes it once he has decided', async () => {
    const { saleId, cancelled } = await endedSale();
    await product.tables.execute(
      "UPDATE orders SET status = 'frozen', closed_at = NULL WHERE rid = ?", [cancelled.id]);
    await archive();
    expect(await countOf('orders', saleId)).toEqual([1, 2]);
    expect(await isArchived(saleId)).toBe(false);
    expect((await product.client.cancel(cancelled.id, 'ann')).status).toBe(200);
    await archive();
    expect(await countOf('orders', saleId)).toEqual([0, 3]);
    expect(await isArchived(saleId)).toBe(true);
  });

  it('is asked before a job that comes far too late writes an order, or its tombstone, anew',
    async () => {
      const { saleId, paid, cancelled } = await endedSale();
      const orders = await product.get(OrderStore).findMany([paid.id, cancelled.id], saleId);
      await archive();
      const sale = await product.get(SaleCatalog).find(saleId);
      if (!sale) throw new Error('The sale is not there');
      const entries = orders.map(({ id, userId, quantity, fingerprint, seq, traceId }) =>
        ({ rid: id, userId, quantity, fingerprint, seq, traceId, epoch: 1, ip: '',
          reservedAtMs: Date.now() }));
      const rows = await product.get(OrderWriter).write(sale, entries);
      expect(rows.map(({ status }) => status).sort()).toEqual(['cancelled', 'paid']);
      for (const entry of entries) {
        const row = await product.get(OrderStore).insertTombstone(sale, entry, 'rejected', 'X');
        expect(row.status).not.toBe('rejected');
      }
      expect(await countOf('orders', saleId)).toEqual([0, 3]);
    });

  it('is filled by one run at a time, and not before ARCHIVE_AFTER_DAYS', async () => {
    const { saleId } = await endedSale();
    await product.tables.execute(
      'UPDATE sales SET retired_at = NOW(3) - INTERVAL 29 DAY WHERE id = ?', [saleId]);
    await archive();
    expect(await countOf('orders', saleId)).toEqual([3, 0]);
    await letAge(saleId);
    await Promise.all([archive(), archive(), archive()]);
    expect(await countOf('orders', saleId)).toEqual([0, 3]);
  });

  it('has the columns of the tables that it is of, in their sequence', async () => {
    const columnsOf = async (name: string) => (await product.tables.query<{ name: string }>(
      `SELECT CONCAT(column_name, ' ', column_type, ' ', is_nullable) AS name
        FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?
        ORDER BY ordinal_position`, [name])).map((row) => row.name);
    for (const table of tables) {
      expect(await columnsOf(`archived_${table}`)).toEqual(await columnsOf(table));
    }
  });
});
