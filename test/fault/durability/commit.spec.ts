import { randomUUID } from 'node:crypto';
import { createConnection, type Connection } from 'mysql2/promise';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';

jest.setTimeout(120_000);

describe('DURABILITY=commit', () => {
  let product: TestProduct;
  let operator: Connection;

  beforeAll(async () => {
    product = await TestProduct.start({ DURABILITY: 'commit' });
    operator = await createConnection(product.config.databaseUrl);
  });
  afterAll(async () => {
    await operator.end();
    await product.stop();
  });

  it('answers 201 once the row is there, asked to wait or not, and 200 to the same key', async () => {
    const saleId = await product.client.openSale();
    // Whom a busy machine lets wait for longer than ten seconds is told to come back.
    let userId = '';
    const order = await until('somebody is answered in time', async () => {
      userId = randomUUID();
      const answer = await product.client.buy(saleId, userId, { key: 'key' });
      return answer.status !== 503 && answer;
    });
    const [rows] = await operator.query('SELECT status FROM orders WHERE rid = ?', [order.body.id]);
    expect([order.status, order.body.status]).toEqual([201, 'pending_payment']);
    expect(rows).toEqual([{ status: 'pending_payment' }]);
    const again = await product.client.buyInTheEnd(saleId, userId, { key: 'key' });
    expect([again.status, again.body.id]).toEqual([200, order.body.id]);
  });

  it('the database hangs: 503, never 202, and the same key finds the one order later', async () => {
    const saleId = await product.client.openSale();
    await operator.query('LOCK TABLES orders WRITE');
    const refused = await product.client.buy(saleId, 'alice', { key: 'key' });
    await operator.query('UNLOCK TABLES');
    expect([refused.status, refused.body.code, refused.headers['retry-after']])
      .toEqual([503, 'TEMPORARILY_UNAVAILABLE', '1']);
    const served = await until('the buyer who came back is served', async () => {
      const answer = await product.client.buy(saleId, 'alice', { key: 'key' });
      return answer.status !== 503 && answer;
    });
    expect([200, 201]).toContain(served.status);
    await product.client.inStatus(served.body.id, 'alice', 'pending_payment');
    const { redis, database } = await product.client.atRest(saleId);
    expect([redis.available, redis.ordered, database.allocated]).toEqual([9, 1, 1]);
  });

  it('readiness names the scheme', async () => {
    const { body } = await until('it is ready', async () => {
      const answer = await product.client.call('GET', '/health/ready');
      return answer.status === 200 && answer;
    });
    expect(body).toMatchObject({ details: { durability: { status: 'up', scheme: 'commit' } } });
  });
});
