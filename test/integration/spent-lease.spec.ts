import { Database, isUnavailable } from '../../src/infra/database';
import { RedisConnections } from '../../src/infra/redis';
import { LeaseSweep, OrderStore } from '../../src/order';
import { requeuesAtMost } from '../../src/order/lease-sweep';
import { SaleCatalog } from '../../src/sale';
import { StockLedger, StockReader, StockRedis } from '../../src/stock';
import { TestProduct } from '../support/product';

const readOnly = 1290;
const otherFault = 1644;

/** Without the worker role only the test sweeps, and nothing carries the outbox on. */
describe('a reservation that was put into the outbox as often as it may be', () => {
  let product: TestProduct;
  let database: Database;

  beforeAll(async () => {
    product = await TestProduct.start({ ROLES: 'api' });
    database = product.get(Database);
  });

  afterEach(() => database.execute('DROP TRIGGER IF EXISTS refuse_orders'));
  afterAll(() => product.stop());

  /** Lets the database refuse new orders, but not tombstones unless `all`. */
  async function refuseOrders(errorNumber: number, all: boolean): Promise<void> {
    await database.execute(`CREATE TRIGGER refuse_orders BEFORE INSERT ON orders FOR EACH ROW
      IF ${all ? 'TRUE' : "NEW.status = 'pending_payment'"} THEN
        SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = ${errorNumber}, MESSAGE_TEXT = 'refused';
      END IF`);
  }

  /** Resolves to the sale's id, the reservation's, and what looks after it once. */
  async function spentLease() {
    const saleId = await product.client.openSale();
    const { body: { id } } = await product.client.buy(saleId, 'alice', { key: 'key-of-alice' });
    for (let round = 0; round < requeuesAtMost; round += 1) {
      await product.get(StockLedger).requeue(saleId, [id],
        { leaseMs: 0, again: true, traceId: '0'.repeat(32) });
    }
    const sale = await product.get(SaleCatalog).find(saleId);
    if (!sale) throw new Error(`There is no sale ${saleId}`);
    const sweep = async () => {
      await product.get(RedisConnections).general
        .zadd(product.get(StockRedis).keys(saleId).due, 1, id);
      await product.get(LeaseSweep).sweep(sale);
    };
    return { saleId, id, sweep };
  }

  async function stateOf(saleId: string, id: string) {
    const record = await product.get(StockReader).reservation(saleId, id);
    const row = await product.get(OrderStore).find(id);
    return { record: record?.status, row: row?.status, reason: row?.reason,
      available: (await product.get(StockReader).audit(saleId)).available };
  }

  it('stays reserved while the database refuses writes, and is an order as soon as it takes them',
    async () => {
      const { saleId, id, sweep } = await spentLease();
      await refuseOrders(readOnly, true);
      const failure: unknown = await sweep().catch((error: unknown) => error);
      expect(isUnavailable(failure)).toBe(true);
      expect(await stateOf(saleId, id)).toEqual({ record: 'reserved', available: 9 });
      await database.execute('DROP TRIGGER refuse_orders');
      await sweep();
      expect(await stateOf(saleId, id)).toEqual(
        { record: 'pending_payment', row: 'pending_payment', available: 9 });
    });

  it('is given up only when the database takes other rows, but not this one', async () => {
    const { saleId, id, sweep } = await spentLease();
    await refuseOrders(otherFault, false);
    await sweep();
    expect(await stateOf(saleId, id)).toEqual(
      { record: 'rejected', row: 'rejected', reason: 'NOT_PERSISTED', available: 10 });
    expect((await product.client.buy(saleId, 'alice')).status).toBe(202);
  });
});
