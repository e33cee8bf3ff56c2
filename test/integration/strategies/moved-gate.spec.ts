import { Database } from '../../../src/infra/database';
import { DirectOrders } from '../../../src/order/direct-orders';
import { Doubts, ReconciliationModule } from '../../../src/reconciliation';
import { DatabaseMode } from '../../../src/reconciliation/database-mode';
import { SaleStore } from '../../../src/sale';
import { SaleEpochs, StockGate, StockReader } from '../../../src/stock';
import { expectProblem } from '../../support/expect-problem';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';

/** Without workers: the gate of a sale moves when a test moves it. */
describe('the gate of a sale moves', () => {
  let product: TestProduct;
  let saleId: string;

  beforeAll(async () => {
    product = await TestProduct.start({ ROLES: 'api', REDIS_OUTAGE_SECONDS: '1' });
  });
  afterAll(() => product.stop());
  beforeEach(async () => { saleId = await product.client.openSale({ redisOutage: 'database' }); });

  /** As when Redis was gone; this process has heard of it. */
  async function enterDatabase(): Promise<void> {
    await product.get(Database).execute(
      "UPDATE sale_stock SET gate = 'database', epoch = epoch + 1 WHERE sale_id = ?", [saleId]);
    expect(await product.get(SaleEpochs).now(saleId)).toMatchObject({ gate: 'database' });
  }

  it('back, because the database is from before: a process believes the row and not its memory',
    async () => {
      await enterDatabase();
      await product.get(Database).execute(
        "UPDATE sale_stock SET gate = 'redis', epoch = epoch - 1 WHERE sale_id = ?", [saleId]);
      // To recovery all is well: nobody else will tell this process.
      expect(await product.get(Doubts).about(saleId)).toBeUndefined();
      await until('buyers get through', async () =>
        (await product.client.buy(saleId, 'ann', { key: 'key' })).status === 202, 45_000);
    });

  it('to Redis, under an epoch that a process knows as one of the database: it sells nothing there',
    async () => {
      const sale = await product.get(SaleStore).find(saleId);
      if (!sale) throw new Error(`There is no sale ${saleId}`);
      const { epoch, gate } = await product.get(SaleEpochs).now(saleId);
      expect(gate).toBe('redis');
      const rid = product.get(StockGate).idOf('ann', saleId, 'key');
      const request = { rid, saleId, userId: 'ann', quantity: 1, source: 'test', ip: '',
        traceId: '0'.repeat(32) };
      await expect(product.get(DirectOrders).place(sale, request, epoch))
        .rejects.toMatchObject({ code: 'TEMPORARILY_UNAVAILABLE' });
      expect((await product.client.stock(saleId)).database.allocated).toBe(0);
    });

  it('to Redis, unheard by the process that an operator asks: his pause is in force there', async () => {
    const before = await product.get(SaleEpochs).now(saleId);
    jest.spyOn(product.get(SaleEpochs), 'of').mockResolvedValue({ ...before, gate: 'database' });
    expect((await product.client.operate(saleId, 'pause')).status).toBe(200);
    jest.restoreAllMocks();
    expect((await product.get(StockReader).audit(saleId)).state).toBe('paused');
  });

  it('no more once the sale is retired: a process forgets it, and finds it again when asked', async () => {
    const epochs = product.get(SaleEpochs);
    const fence = await epochs.of(saleId);
    await product.get(Database).execute(
      "UPDATE sales SET status = 'closed', retired_at = NOW(3) WHERE id = ?", [saleId]);
    await until('it is forgotten', async () => epochs.peek(saleId) === undefined);
    expect(await epochs.of(saleId)).toEqual(fence);
  });

  it('to the database: an order that Redis alone knows is not denied, it cannot be told', async () => {
    const { body: { id } } = await product.client.buy(saleId, 'ann');
    expect((await product.client.find(id, 'ann')).body.status).toBe('reserved');
    await enterDatabase();
    expectProblem(await product.client.find(id, 'ann'), 'TEMPORARILY_UNAVAILABLE');
    expectProblem(await product.client.cancel(id, 'ann'), 'TEMPORARILY_UNAVAILABLE');
    expectProblem(await product.client.startPayment(id, 'ann'), 'TEMPORARILY_UNAVAILABLE');
  });

  it('only once no process that sells has seen Redis for long enough, and the asker neither',
    async () => {
      const mode = product.application.select(ReconciliationModule).get(DatabaseMode);
      const sightings = jest.spyOn(mode, 'sawRedis').mockResolvedValue();
      const seen = (secondsAgo: number) => product.get(Database).execute(
        'UPDATE redis_sighting SET seen_at = NOW(3) - INTERVAL ? SECOND', [secondsAgo]);
      // Sightings of a process that is busy come late: one of two seconds ago is one. After a stall
      // it is of three seconds ago, and the sale has rightly moved: then another one is looked at.
      const entered = await until('it is looked at within the third second', async () => {
        const startedAt = performance.now();
        await seen(2);
        const moved = await mode.enter(60_000);
        if (performance.now() - startedAt < 900) return { moved };
        saleId = await product.client.openSale({ redisOutage: 'database' });
        return false;
      });
      expect(entered.moved).toBe(0);
      await seen(60);
      expect(await mode.enter(500)).toBe(0);
      const { epoch } = await product.get(SaleEpochs).now(saleId);
      expect(await mode.enter(1_000)).toBeGreaterThan(0);
      // With an epoch of its own, so that whoever still sells under the other gate is refused.
      expect(await product.get(SaleEpochs).now(saleId))
        .toMatchObject({ gate: 'database', epoch: epoch + 1 });
      sightings.mockRestore();
    });
});
