import { Database } from '../../../src/infra/database';
import { RedisConnections } from '../../../src/infra/redis';
import { saleKeys } from '../../../src/stock';
import { faultsOf, readBooks } from '../../support/books';
import { untilWaiting } from '../../support/lock-waits';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';

const strategies = ['lua', 'tokens', 'database-optimistic', 'database-row-lock', 'database-unit-rows',
  'segment-lock'] as const;

jest.setTimeout(180_000);

/** What every scheme of giving units away promises, whatever it costs. */
describe.each(strategies)('the strategy %s', (strategy) => {
  const isInRedis = strategy === 'lua' || strategy === 'tokens';
  let product: TestProduct;

  beforeAll(async () => { product = await TestProduct.start(); });
  afterAll(async () => { await product.stop(); });

  const open = (changes: object) => product.client.openSale({ strategy, ...changes });

  /** Asks with one key until there is an answer other than "come back". */
  async function buy(saleId: string, userId: string, key = 'key', quantity = 1) {
    return until(`${userId} has an answer`, async () => {
      const answer = await product.client.buy(saleId, userId, { key, quantity });
      return answer.body.code !== 'TEMPORARILY_UNAVAILABLE' && answer;
    });
  }
  const buyMany = (saleId: string, count: number, quantity = 1) =>
    Promise.all(Array.from({ length: count }, (_, i) => buy(saleId, `buyer-${i}`, 'key', quantity)));

  /** Once rows say all that was promised: the invariants, and units beside the total. */
  async function expectSound(saleId: string, allocated: number): Promise<void> {
    await until('all is written', async () =>
      (await readBooks(product, saleId)).stock.allocated === allocated, 45_000);
    const books = await readBooks(product, saleId);
    const inDatabase = (rule: string) => /^I1:|^I14|quotas|limit/.test(rule);
    expect(faultsOf(books).filter((rule) => isInRedis || inDatabase(rule))).toEqual([]);
    const database = product.get(Database);
    const [units] = await database.query<{ all: number; taken: number }>(
      'SELECT COUNT(*) AS `all`, COUNT(rid) AS taken FROM stock_units WHERE sale_id = ?', [saleId]);
    const [segments] = await database.query<{ all: string; taken: string }>(
      `SELECT COALESCE(SUM(total), 0) AS \`all\`, COALESCE(SUM(allocated), 0) AS taken
        FROM stock_segments WHERE sale_id = ?`, [saleId]);
    const beside = { all: books.stock.total, taken: allocated };
    const none = { all: 0, taken: 0 };
    expect(units).toEqual(strategy === 'database-unit-rows' ? beside : none);
    expect([Number(segments?.all), Number(segments?.taken)])
      .toEqual(Object.values(strategy === 'segment-lock' ? beside : none));
  }

  it('sells exactly its stock to a crowd twice as large', async () => {
    const saleId = await open({ stock: 30 });
    const answers = await buyMany(saleId, 60);
    expect(answers.filter(({ status }) => status < 300)).toHaveLength(30);
    expect(answers.filter(({ body }) => body.code === 'SOLD_OUT')).toHaveLength(30);
    await expectSound(saleId, 30);
  });

  it('leaves no unit stranded when buyers take several at a time', async () => {
    const saleId = await open({ stock: 31, limitPerUser: 3 });
    const threes = await buyMany(saleId, 12, 3);
    expect(threes.filter(({ status }) => status < 300)).toHaveLength(10);
    expect((await buy(saleId, 'last')).status).toBeLessThan(300);
    expect((await buy(saleId, 'late')).body.code).toBe('SOLD_OUT');
    await expectSound(saleId, 31);
  });

  it('keeps the limit of a buyer who presses with many keys at once', async () => {
    const saleId = await open({ stock: 100, limitPerUser: 2 });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) =>
      buy(saleId, 'greedy', `key-${i}`)));
    expect(answers.filter(({ status }) => status < 300)).toHaveLength(2);
    expect(answers.filter(({ body }) => body.code === 'LIMIT_EXCEEDED')).toHaveLength(18);
    await expectSound(saleId, 2);
  });

  it('makes one order of twenty requests with one key, and tells another body apart', async () => {
    const saleId = await open({ stock: 100, limitPerUser: 5 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => buy(saleId, 'nervous')));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(answers.every(({ status }) => status < 300)).toBe(true);
    const other = await buy(saleId, 'nervous', 'key', 2);
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    await expectSound(saleId, 1);
  });

  it('sells a cancelled unit again, once, and answers its old key with the cancelled order', async () => {
    const saleId = await open({ stock: 1 });
    const { body: { id } } = await buy(saleId, 'first');
    expect((await buy(saleId, 'second')).body.code).toBe('SOLD_OUT');
    const cancels = await Promise.all([1, 2, 3].map(() => product.client.cancel(id, 'first')));
    expect(cancels.map(({ body }) => body.status)).toEqual(['cancelled', 'cancelled', 'cancelled']);
    const again = await Promise.all(['third', 'fourth'].map((userId) =>
      until('the unit is back', async () => {
        const answer = await buy(saleId, userId);
        const [stock] = await product.get(Database).query<{ allocated: number }>(
          'SELECT allocated FROM sale_stock WHERE sale_id = ?', [saleId]);
        return (answer.status < 300 || stock?.allocated === 1) && answer;
      }, 45_000)));
    expect(again.filter(({ status }) => status < 300)).toHaveLength(1);
    expect((await buy(saleId, 'first')).body).toMatchObject({ id, status: 'cancelled' });
    await expectSound(saleId, 1);
  });

  it('takes back the unit of an order that was not paid in time', async () => {
    const saleId = await open({ stock: 1, payWindowSeconds: 1 });
    const { body: { id } } = await buy(saleId, 'slow');
    await until('it has expired', async () =>
      (await product.client.call<{ status: string }>('GET', `/v1/orders/${id}`, { as: 'slow' }))
        .body.status === 'expired', 45_000);
    const next = await until('the unit is back', async () => {
      const answer = await buy(saleId, 'quick');
      return answer.status < 300 && answer;
    }, 45_000);
    expect(next.status).toBeLessThan(300);
  });

  it('gets more units and gives units away, never those that are sold', async () => {
    const saleId = await open({ stock: 20 });
    await buyMany(saleId, 10);
    await expectSound(saleId, 10);
    expect((await product.client.adjust(saleId, 25)).status).toBe(200);
    expect((await product.client.adjust(saleId, -30)).status).toBe(200);
    const tooMany = await product.client.adjust(saleId, -6);
    expect([tooMany.status, tooMany.body.code]).toEqual([409, 'SOLD_OUT']);
    const rest = await Promise.all(Array.from({ length: 8 }, (_, i) => buy(saleId, `late-${i}`)));
    expect(rest.filter(({ status }) => status < 300)).toHaveLength(5);
    await expectSound(saleId, 15);
  });

  it('gets the units of every delivery of several that come at once', async () => {
    const saleId = await open({ stock: 5 });
    const database = product.get(Database);
    const deliveries = await database.transaction(async (transaction) => {
      await transaction.query('SELECT total FROM sale_stock WHERE sale_id = ? FOR UPDATE', [saleId]);
      // Each has begun, and none is written.
      const begun = [1, 2, 3].map((delta) => product.client.adjust(saleId, delta));
      await untilWaiting(database, begun.length);
      return begun;
    });
    expect((await Promise.all(deliveries)).map(({ status }) => status)).toEqual([200, 200, 200]);
    await expectSound(saleId, 0);
    expect(await readBooks(product, saleId)).toMatchObject({ stock: { total: 11 } });
  });

  it('refuses while it is paused, before it opens and after it has closed', async () => {
    const saleId = await open({ stock: 5 });
    await product.client.operate(saleId, 'pause');
    expect((await buy(saleId, 'ann')).body.code).toBe('SALE_PAUSED');
    await product.client.operate(saleId, 'resume');
    expect((await buy(saleId, 'ann')).status).toBeLessThan(300);
    await product.client.operate(saleId, 'close');
    expect((await buy(saleId, 'bob')).body.code).toBe('SALE_CLOSED');
    const early = await open({ opensAt: new Date(Date.now() + 60_000).toISOString() });
    expect((await buy(early, 'ann')).body.code).toBe('SALE_NOT_OPEN');
  });

  it('says that it is over, not paused, when its time runs out while it is paused', async () => {
    const saleId = await open({ stock: 5 });
    await product.client.operate(saleId, 'pause');
    await product.get(Database).execute('UPDATE sales SET closes_at = NOW(3) WHERE id = ?', [saleId]);
    const { meta } = saleKeys(product.config.redisNamespace, saleId);
    if (isInRedis) await product.get(RedisConnections).general.hset(meta, 'closes', 1);
    const { status, body } = await buy(saleId, 'ann');
    expect([status, body.code]).toEqual([409, 'SALE_CLOSED']);
  });
});
