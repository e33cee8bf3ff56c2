import { Database } from '../../src/infra/database';
import { StockRedis } from '../../src/stock';
import { admin } from '../support/client';
import { expectProblem } from '../support/expect-problem';
import { FaultProxy } from '../support/fault-proxy';
import { createInstallation, TestProduct, type Installation } from '../support/product';
import { testEnvironment } from '../support/stack';
import { until } from '../support/until';

// Every order is waited for.
jest.setTimeout(180_000);

describe('a product whose database is gone for a while', () => {
  let installation: Installation;
  let way: FaultProxy;
  let redisWay: FaultProxy;
  let product: TestProduct;

  beforeAll(async () => {
    installation = await createInstallation();
    const databaseUrl = new URL(installation.environment.DATABASE_URL ?? '');
    way = await FaultProxy.start(Number(databaseUrl.port));
    databaseUrl.host = `127.0.0.1:${way.port}`;
    redisWay = await FaultProxy.start(Number(new URL(testEnvironment().REDIS_URL ?? '').port));
    product = await TestProduct.start(
      { DATABASE_URL: databaseUrl.href, REDIS_URL: redisWay.url('redis') }, installation);
  });
  afterAll(async () => {
    await product.stop();
    await way.stop();
    await redisWay.stop();
    await installation.drop();
  });

  it('leaves it alone, sells on, and writes the orders when it is back', async () => {
    const { client } = product;
    const saleId = await client.openSale({ stock: 100 });
    await client.order(saleId, 'before');
    const { circuit } = product.get(Database);
    await way.refuse();
    await until('left alone', async () => circuit.isOpen);
    await until('the metrics say so', async () =>
      /circuit_open\{dependency="database"\} 1/.test(
        (await client.call('GET', '/metrics', { as: admin })).text));
    const bought = await Promise.all(Array.from({ length: 20 }, (_, index) =>
      client.buy(saleId, `buyer-${index}`)));
    expect(bought.map(({ status }) => status)).toEqual(bought.map(() => 202));
    expectProblem(await client.call('GET', '/v1/orders', { as: 'before' }),
      'TEMPORARILY_UNAVAILABLE');
    await way.accept();
    for (const [index, { body }] of bought.entries()) {
      await client.inStatus(String(body.id), `buyer-${index}`, 'pending_payment');
    }
    expect(circuit.isOpen).toBe(false);
  });

  it('leaves it alone for as long as it is silent, however many buyers ask meanwhile', async () => {
    const { client } = product;
    const saleId = await client.openSale({ stock: 10 });
    await client.order(saleId, 'before');
    const { circuit } = product.get(Database);
    way.hang();
    way.cut();
    await until('left alone', async () => circuit.isOpen);
    const attempts = way.accepted;
    await until('somebody has been let through to find out, twice', async () => {
      const answers = await Promise.all(Array.from({ length: 4 }, () =>
        client.call('GET', '/v1/orders', { as: 'before' })));
      for (const answer of answers) expectProblem(answer, 'TEMPORARILY_UNAVAILABLE');
      expect(circuit.isOpen).toBe(true);
      return way.accepted > attempts + 1;
    });
    way.flow();
    await client.inStatus((await client.order(saleId, 'after')).id, 'after', 'pending_payment');
  });

  it('keeps on cancelling orders while Redis is silent, and tells it later', async () => {
    const { client } = product;
    const saleId = await client.openSale({ stock: 10 });
    const buyers = Array.from({ length: 6 }, (_, index) => `leaver-${index}`);
    const orders = await Promise.all(buyers.map(async (userId) =>
      ({ userId, id: (await client.order(saleId, userId)).id })));
    redisWay.hang();
    const answers: Promise<{ status: number }>[] = [];
    for (const { id, userId } of orders) {
      answers.push(client.cancel(id, userId));
      // More of them, one after the other, than cancel at once.
      await until('the row says so', async () => (await product.get(Database).query(
        "SELECT 1 FROM orders WHERE rid = ? AND status = 'cancelled'", [id])).length === 1);
    }
    redisWay.flow();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(orders.map(() => 200));
    await until('Redis knows', async () => (await client.stock(saleId)).redis.available === 10);
  });

  it('does not keep a process that stops from ending when it falls silent', async () => {
    const url = new URL(installation.environment.DATABASE_URL ?? '');
    url.host = `127.0.0.1:${way.port}`;
    const database = await Database.connect({ databaseUrl: url.href, databasePool: 2 });
    await database.query('SELECT 1');
    way.hang();
    // Loops that nobody waits for may ask until the end: one of these has a connection, one opens it.
    const asked = [1, 2].map(() => database.query('SELECT 1').catch(() => undefined));
    await database.onApplicationShutdown();
    way.flow();
    await Promise.all(asked);
  }, 15_000);

  it('sells on when the way to Redis breaks meanwhile and the server is the same', async () => {
    const { client } = product;
    const saleId = await client.openSale({ stock: 10 });
    await client.order(saleId, 'before');
    await way.refuse();
    await until('left alone', async () => product.get(Database).circuit.isOpen);
    await redisWay.refuse();
    const redis = product.get(StockRedis);
    await until('Redis is away', async () => redis.bootOf(saleId) === undefined);
    // Whoever asks now asks the database, too, which gate the sale has.
    expectProblem(await client.buy(saleId, 'early'), 'TEMPORARILY_UNAVAILABLE');
    await redisWay.accept();
    const { body } = await client.buyInTheEnd(saleId, 'late');
    await way.accept();
    await client.inStatus(body.id, 'late', 'pending_payment');
  });
});
