import fc from 'fast-check';
import { faultsAtRest, readBooks } from '../../support/books';
import { TestProduct } from '../../support/product';
import { firstCommands, saleCommands } from './commands';
import type { SaleModel } from './sale-model';
import { startParts, type SaleParts } from './sale-parts';

const stock = 6;
/** With the MODEL_SEED that a run printed, the same sequences come again. */
const seed = Number(process.env['MODEL_SEED'] ?? Date.now() % 2 ** 31);

describe('a sale under any sequence of what can happen to it', () => {
  let product: TestProduct;
  let parts: Awaited<ReturnType<typeof startParts>>;

  beforeAll(async () => {
    product = await TestProduct.start({ ROLES: 'api' });
    parts = await startParts(product);
  });

  afterAll(async () => {
    await parts.stop();
    await product.stop();
  });

  /** Whatever died or was lost on the way: leases run out, jobs come, and all is decided. */
  async function letItRest(model: SaleModel, real: SaleParts): Promise<void> {
    for (const order of model.orders) {
      if (order.status === 'reserved' || order.isRetaken) await real.passDeadline(order);
    }
    for (let job = await real.takeJob(); job; job = await real.takeJob()) await real.deliver(job);
    await real.leases.sweep(real.sale);
    for (let job = await real.takeJob(); job; job = await real.takeJob()) await real.deliver(job);
    await real.leases.sweep(real.sale);
    await real.client.reconcile(real.sale.id);
    model.expire(model.orders);
    model.write(model.orders, true);
    model.endThaws(model.orders);
  }

  it('keeps the invariants, and every order is as a simple model says', async () => {
    process.stdout.write(`model.spec: MODEL_SEED=${seed}\n`);
    await fc.assert(fc.asyncProperty(fc.commands(saleCommands, { maxCommands: 15, size: '+1' }),
      async (commands) => {
        const sale = await parts.newSale(stock);
        for (const first of firstCommands) await first.run(sale.model, sale.real);
        await fc.asyncModelRun(() => sale, commands);
        await letItRest(sale.model, sale.real);
        const books = await readBooks(product, sale.real.sale.id);
        expect(faultsAtRest(books)).toEqual([]);
        expect(await sale.real.statuses()).toEqual(
          Object.fromEntries(sale.model.orders.map(({ key, status }) => [key, status])));
        expect(books.redis.counters.available).toBe(sale.model.available);
      }), { seed, numRuns: 40, interruptAfterTimeLimit: 90_000 });
  }, 180_000);
});
