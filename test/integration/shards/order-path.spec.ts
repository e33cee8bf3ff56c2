import { RedisConnections } from '../../../src/infra/redis';
import { Metrics } from '../../../src/infra/metrics';
import { OrderArchive, OrderLife, OrderStore, OrderWriter } from '../../../src/order';
import { OverdueOrders } from '../../../src/order/overdue-orders';
import { Recovery } from '../../../src/reconciliation';
import { Archiver } from '../../../src/reconciliation/archiver';
import { SaleArchive, SaleCatalog } from '../../../src/sale';
import { fingerprint, ReservationIds, SaleEpochs, StockArchive, StockRedis, type OutboxEntry }
  from '../../../src/stock';
import { expectBooksToBalance, readBooks } from '../../support/books';
import { PaymentProduct } from '../../support/payment-product';
import { hasSpider, ShardedDatabase, type Shard } from '../../support/sharded-database';
import { shardColumns } from '../../support/vschema';

/** A read of all sales at once, which the watches of every process make; for a join by a table of its own. */
const watching =
  /^(?:select (?!.*(?:for update|`orders`)).*`(?:sale_stock|sales)`|(?:create|insert) .*tmp_spider_bka)/s;
/** The least that the home of a sale must have heard; otherwise nothing was listened to. */
const selling = [/^insert .*`orders`/s, /^update .*`orders`/s, /^select .*`orders`.* for update/s,
  /^update .*`sale_stock`/s];

jest.setTimeout(180_000);

(hasSpider() ? describe : describe.skip)('orders on two servers behind one database', () => {
  let database: ShardedDatabase;
  let product: PaymentProduct;

  beforeAll(async () => {
    database = await ShardedDatabase.start();
    product = await PaymentProduct.start({ DATABASE_URL: database.url });
  });
  afterAll(async () => {
    await product?.stop();
    await database?.stop();
  });

  /** The servers, that with the rows of this sale first. */
  async function placeOf(saleId: string): Promise<readonly [home: Shard, other: Shard]> {
    const [first, second] = database.shards;
    return await first.countOf('sales', saleId) === 1 ? [first, second] : [second, first];
  }

  /** One on each server. */
  async function openSales(changes: object): Promise<string[]> {
    const sales = new Map<Shard, string>();
    while (sales.size < database.shards.length) {
      const saleId = await product.client.openSale(changes);
      sales.set((await placeOf(saleId))[0], saleId);
    }
    return [...sales.values()];
  }

  /** Of 6 units: an order in each of its ends, then a crowd that buys the rest, then 2 units more. */
  async function sell(saleId: string): Promise<void> {
    const { client } = product;
    const paid = await client.order(saleId, 'ann', { key: 'of-ann' });
    await client.pay(paid.id, 'ann');
    await client.cancel((await client.order(saleId, 'bob')).id, 'bob');
    const { id: late } = await client.order(saleId, 'eve');
    await product.tables.execute(
      'UPDATE orders SET expires_at = NOW(3) WHERE sale_id = ? AND rid = ?', [saleId, late]);
    await product.get(OrderLife).expire(saleId);
    await client.inStatus(late, 'eve', 'expired');
    const again = await client.buy(saleId, 'ann', { key: 'of-ann' });
    expect([again.body.id, again.body.status]).toEqual([paid.id, 'paid']);
    await client.atRest(saleId);
    const crowd = await Promise.all(Array.from({ length: 12 }, (_, index) =>
      client.buy(saleId, `buyer-${index}`)));
    const refused = crowd.filter(({ status }) => status !== 202);
    expect(refused.map(({ body }) => body.code)).toEqual(Array<string>(7).fill('SOLD_OUT'));
    await client.adjust(saleId, 2);
    await client.atRest(saleId);
  }

  describe.each(['lua', 'database-row-lock'])('sold by %s', (strategy) => {
    it('lie with their sale: stock, orders, ledger and quotas on one server, and the books balance',
      async () => {
        for (const saleId of await openSales({ stock: 6, strategy })) {
          await sell(saleId);
          const { stock, orders } = strategy === 'lua'
            ? await expectBooksToBalance(product.product, saleId)
            : await readBooks(product.product, saleId);
          expect([stock.total, stock.allocated, orders.length]).toEqual([8, 6, 8]);
          const [home, other] = await placeOf(saleId);
          for (const table of shardColumns.keys()) {
            expect([table, await other.countOf(table, saleId)]).toEqual([table, 0]);
          }
          expect([await home.countOf('orders', saleId), await home.countOf('buyer_quotas', saleId),
            await home.countOf('stock_ledger', saleId)]).toEqual([8, 8, 12]);
        }
      });

    it('send no statement to the server of another sale, from the purchase to its end', async () => {
      for (const saleId of await openSales({ stock: 6, strategy })) {
        const places = await placeOf(saleId);
        for (const shard of places) await shard.listen();
        await sell(saleId);
        const [atHome = [], elsewhere = []] = await Promise.all(places.map((shard) => shard.heard()));
        const { orders } = await readBooks(product.product, saleId);
        const names = [saleId, ...orders.map(({ id }) => id)];
        const aboutIt = (texts: string[]) => texts.filter((text) => !watching.test(text)
          && names.some((name) => text.includes(name)));
        expect(aboutIt(elsewhere)).toEqual([]);
        for (const words of selling) {
          expect(aboutIt(atHome)).toContainEqual(expect.stringMatching(words));
        }
      }
    });
  });

  it('are looked for on both where nobody names their sale, and listed from both', async () => {
    const ids: string[] = [];
    for (const saleId of await openSales({ stock: 6 })) {
      ids.push((await product.client.order(saleId, 'lea')).id);
    }
    const rows = await product.get(OrderStore).findMany(ids);
    expect(rows.map(({ id }) => id).sort()).toEqual([...ids].sort());
    const { body } = await product.client.call<{ items: { id: string }[] }>('GET', '/v1/orders',
      { as: 'lea' });
    expect(body.items.map(({ id }) => id)).toEqual(ids.reverse());
  });

  it('meet the keys and checks behind: written twice at once, over the limit, more than there are',
    async () => {
      const saleId = await product.client.openSale({ stock: 6 });
      const sale = await product.get(SaleCatalog).find(saleId);
      if (!sale) throw new Error('The sale is not there');
      const { epoch } = await product.get(SaleEpochs).of(saleId);
      const entry = (userId: string, key = 'first'): OutboxEntry => ({ userId, quantity: 1, epoch,
        rid: product.get(ReservationIds).of(userId, saleId, key), seq: 0, ip: '',
        fingerprint: fingerprint(1), reservedAtMs: Date.now(), traceId: '0'.repeat(32) });
      const writer = product.get(OrderWriter);
      const batch = ['ann', 'bob', 'eve'].map((userId) => entry(userId));
      await Promise.all([writer.write(sale, batch), writer.write(sale, batch)]);
      const [second] = await writer.write(sale, [entry('ann', 'second')]);
      expect([second?.status, second?.reason]).toEqual(['rejected', 'LIMIT_EXCEEDED']);
      const more = await writer.write(sale, ['f', 'g', 'h', 'i'].map((userId) => entry(userId)));
      expect(more.map(({ status, reason }) => reason ?? status).sort())
        .toEqual(['SOLD_OUT', ...Array<string>(3).fill('pending_payment')]);
      const ledger = await product.tables.query<{ was: number; is: number }>(
        `SELECT allocated_before AS was, allocated_after AS \`is\` FROM stock_ledger
          WHERE sale_id = ? AND kind = 'allocate' ORDER BY allocated_after`, [saleId]);
      expect(ledger).toEqual([0, 1, 2, 3, 4, 5].map((was) => ({ was, is: was + 1 })));
    });

  it('go to the archive of their server, each with all that was', async () => {
    for (const saleId of await openSales({ stock: 6 })) {
      await sell(saleId);
      await product.tables.execute(
        "UPDATE orders SET expires_at = NOW(3) WHERE sale_id = ? AND status = 'pending_payment'",
        [saleId]);
      await product.get(OverdueOrders).expireSale(saleId);
      await product.client.atRest(saleId);
      await product.tables.execute(
        'UPDATE sales SET retired_at = NOW(3) - INTERVAL 2 DAY WHERE id = ?', [saleId]);
      await product.get(SaleCatalog).announce(saleId);
      await new Archiver({ ...product.product.config, archiveAfterDays: 1 }, product.tables,
        product.get(SaleArchive), product.get(OrderArchive), product.get(StockArchive),
        product.get(Metrics)).run();
      const [home, other] = await placeOf(saleId);
      expect([await home.countOf('orders', saleId), await home.countOf('archived_orders', saleId),
        await home.countOf('archived_stock_ledger', saleId),
        await other.countOf('archived_orders', saleId)]).toEqual([0, 8, 17, 0]);
      const { orders } = await readBooks(product.product, saleId);
      expect(orders).toHaveLength(8);
    }
  });

  it('make Redis anew, each sale from its own server, when it has lost everything', async () => {
    for (const saleId of await openSales({ stock: 6 })) {
      await sell(saleId);
      await product.get(RedisConnections).general
        .unlink(Object.values(product.get(StockRedis).keys(saleId)) as string[]);
      await product.get(Recovery).recover(saleId, 'keys lost');
      const { orders } = await expectBooksToBalance(product.product, saleId);
      expect(orders).toHaveLength(8);
    }
  });
});
