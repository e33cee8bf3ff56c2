import { Database } from '../../src/infra/database';
import { admin } from '../support/client';
import { expectProblem } from '../support/expect-problem';
import { TestProduct } from '../support/product';

const pool = 5;
/** Of a buyer; others may wait for 30 s. */
const waitMs = 1_000;

jest.setTimeout(180_000);

describe('a process whose connections to the database are all taken', () => {
  let product: TestProduct;
  let database: Database;

  beforeAll(async () => {
    product = await TestProduct.start({ DATABASE_POOL: String(pool), ROLES: 'api' });
    database = product.get(Database);
  });
  afterAll(() => product.stop());

  /** Has every connection while `act` runs. */
  async function whileTaken(act: () => Promise<void>): Promise<void> {
    const over = Promise.withResolvers<void>();
    const taken = Array.from({ length: pool }, () => Promise.withResolvers<void>());
    const holders = taken.map(({ resolve }) => database.transaction(async () => {
      resolve();
      await over.promise;
    }));
    await Promise.all(taken.map(({ promise }) => promise));
    try {
      await act();
    } finally {
      over.resolve();
      await Promise.all(holders);
    }
  }

  it('tells buyers soon to come back, and keeps no connection for those who have gone', async () => {
    const saleId = await product.client.openSale({ strategy: 'database-row-lock' });
    const { body: { id } } = await product.client.buy(saleId, 'ann');
    const purchase = { key: 'the-key-of-bob' };
    await whileTaken(async () => {
      const answers = await Promise.all([
        product.client.find(id, 'ann'), product.client.cancel(id, 'ann'),
        product.client.buy(saleId, 'bob', purchase)]);
      for (const answer of answers) expectProblem(answer, 'TEMPORARILY_UNAVAILABLE');
    });
    expect((await product.client.find(id, 'ann')).body.status).toBe('pending_payment');
    expect((await product.client.buy(saleId, 'bob', purchase)).status).toBe(202);
    await whileTaken(async () => undefined);
  });

  it('lets operators and its own work wait for their turn', async () => {
    const sale = Promise.withResolvers<{ status: number }>();
    const own = Promise.withResolvers<unknown[]>();
    await whileTaken(async () => {
      const asked = performance.now();
      sale.resolve(product.client.call('GET', '/admin/v1/audit', { as: admin }));
      own.resolve(database.query('SELECT 1 AS one'));
      while (performance.now() - asked < waitMs) {
        // Had one spelling the patience of operators, their wait would be over before its own.
        for (const path of ['/v1/orders', '/%761/orders']) {
          expectProblem(await product.client.call('GET', path, { as: 'ann' }), 'TEMPORARILY_UNAVAILABLE');
        }
      }
    });
    expect((await sale.promise).status).toBe(200);
    expect(await own.promise).toEqual([{ one: 1 }]);
  });
});
