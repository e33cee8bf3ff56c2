import { Overload } from '../../src/infra/overload';
import { ServerClock } from '../../src/infra/redis';
import { expectProblem } from '../support/expect-problem';
import { TestProduct } from '../support/product';
import { until } from '../support/until';

const heavy = { delayMs: 500, utilization: 1 };
const calm = { delayMs: 0, utilization: 0 };

/** The event loop is only said to be late: so the test decides how late, and is not late itself. */
describe('a process that cannot keep up', () => {
  let product: TestProduct;
  let overload: Overload;

  beforeAll(async () => {
    product = await TestProduct.start();
    overload = product.get(Overload);
  });

  afterEach(() => {
    jest.restoreAllMocks();
    while (overload.level > 0 || overload.pressure > 0) overload.observe(calm);
  });

  afterAll(() => product.stop());

  function makeBusy(): void {
    while (overload.level < 1) overload.observe({ delayMs: 100, utilization: 1 });
  }

  /** All new buyers are refused, nobody of those admitted. */
  function makeHeavy(): void {
    while (overload.pressure < 1) overload.observe(heavy);
  }

  const read = (path: string, headers: Record<string, string> = {}) =>
    product.client.call<{ id: string }>('GET', path, { headers });

  async function count(series: string): Promise<number> {
    const { text } = await read('/metrics');
    const line = text.split('\n').find((one) => one.startsWith(`${series} `));
    return Number(line?.split(' ')[1] ?? 0);
  }

  describe('when it is busy', () => {
    it('answers a read that it knows from memory, with its ETag, and tells a stranger to wait',
      async () => {
        const saleId = await product.client.openSale();
        // No number is told while Redis takes its time.
        const known = await until('the number is told', async () => {
          const answer = await read(`/v1/sales/${saleId}`);
          return answer.text.includes('"available":10') && answer;
        });
        makeBusy();
        const again = await read(`/v1/sales/${saleId}`);
        expect([again.status, again.text, again.headers.etag, again.headers['cache-control']])
          .toEqual([200, known.text, known.headers.etag, 'public, max-age=1']);
        expect(again.headers['x-content-type-options']).toBe('nosniff');
        const unchanged = await read(`/v1/sales/${saleId}`,
          { 'if-none-match': String(known.headers.etag) });
        expect([unchanged.status, unchanged.text]).toEqual([304, '']);
        const before = await count('overload_shed_total{kind="read"}');
        const startedMs = performance.now();
        const strangers = await Promise.all(Array.from({ length: 300 }, (_, index) =>
          read(`/v1/sales/made-up-${index}`)));
        const seconds = Math.ceil((performance.now() - startedMs) / 1_000);
        const refused = strangers.filter(({ status }) => status === 503);
        // Ten a second are looked up all the same.
        expect(refused.length).toBeGreaterThanOrEqual(300 - 10 * (seconds + 1));
        for (const answer of refused) expectProblem(answer, 'TEMPORARILY_UNAVAILABLE');
        expect(refused[0]?.headers['retry-after']).toBe('2');
        expect(await count('overload_shed_total{kind="read"}')).toBe(before + refused.length);
      });

    it('renews what it remembers by itself', async () => {
      const saleId = await product.client.openSale({ stock: 3 });
      const { text } = await read(`/v1/sales/${saleId}`);
      await product.client.order(saleId, 'ann');
      makeBusy();
      await until('a reader sees what was sold', async () =>
        (await read(`/v1/sales/${saleId}`)).text !== text);
    });

    it('still sells', async () => {
      const saleId = await product.client.openSale();
      makeBusy();
      expect((await product.client.buy(saleId, 'ann')).status).toBe(202);
    });
  });

  describe('when it is heavy', () => {
    it('tells new buyers to come back within a few seconds, once in every count', async () => {
      const saleId = await product.client.openSale({ stock: 100 });
      makeHeavy();
      const outcome = 'purchase_requests_total{outcome="temporarily_unavailable"}';
      const shed = 'overload_shed_total{kind="purchase"}';
      const before = [await count(outcome), await count(shed)];
      const answers = await Promise.all(Array.from({ length: 20 }, (_, index) =>
        product.client.buy(saleId, `b-${index}`)));
      for (const answer of answers) {
        expectProblem(answer, 'TEMPORARILY_UNAVAILABLE');
        expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1);
        expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(4);
      }
      expect([await count(outcome), await count(shed)]).toEqual(before.map((n) => n + 20));
      expect((await product.client.stock(saleId)).redis.available).toBe(100);
    });

    it('refuses a buyer the same until his time has come, however often he asks', async () => {
      const saleId = await product.client.openSale({ stock: 100, limitPerUser: 100 });
      while (overload.pressure < 0.5) overload.observe(heavy);
      // Time stands still: nobody's comes in between.
      const clock = product.get(ServerClock);
      const standing = jest.spyOn(clock, 'now').mockReturnValue(clock.now());
      const fates = await Promise.all(Array.from({ length: 30 }, async (_, index) => {
        const first = await product.client.buy(saleId, `b-${index}`);
        const second = await product.client.buy(saleId, `b-${index}`);
        return [first.status, second.status].join();
      }));
      standing.mockRestore();
      expect(new Set(fates)).toEqual(new Set(['503,503', '202,202']));
    });

    it('answers the retry of a purchase that holds units', async () => {
      const saleId = await product.client.openSale();
      const first = await product.client.buy(saleId, 'ann', { key: 'press' });
      makeHeavy();
      const again = await product.client.buy(saleId, 'ann', { key: 'press' });
      expect([200, 202]).toContain(again.status);
      expect(again.body.id).toBe(first.body.id);
      expect((await product.client.buy(saleId, 'ann', { key: 'another' })).status).toBe(503);
    });

    it('serves holders of a sale token after everybody else was sent away', async () => {
      const saleId = await product.client.openSale({ protection: { saleToken: true } });
      const { body: { token } } = await product.client.call<{ token: string }>('POST',
        `/v1/sales/${saleId}/tokens`, { as: 'ann' });
      makeHeavy();
      const buy = (userId: string) =>
        product.client.buy(saleId, userId, { headers: { 'x-sale-token': token } });
      expect((await buy('bob')).status).toBe(503); // it is not his
      expect((await buy('ann')).status).toBe(202);
    });

    it('takes the token of a sale that asks for none for nothing', async () => {
      const saleId = await product.client.openSale();
      const { body: { token } } = await product.client.call<{ token: string }>('POST',
        `/v1/sales/${saleId}/tokens`, { as: 'ann' });
      makeHeavy();
      expect((await product.client.buy(saleId, 'ann', { headers: { 'x-sale-token': token } })).status)
        .toBe(503);
    });

    it('does everything for those who have an order, and for machines', async () => {
      const { client } = product;
      const saleId = await client.openSale({ limitPerUser: 5 });
      const [kept, given] = [await client.order(saleId, 'ann'), await client.order(saleId, 'ann')];
      makeHeavy();
      await client.pay(kept.id, 'ann');
      expect((await client.find(kept.id, 'ann')).body.status).toBe('paid');
      expect((await client.cancel(given.id, 'ann')).body.status).toBe('cancelled');
      expect((await client.call('GET', '/v1/orders', { as: 'ann' })).status).toBe(200);
      expect((await read('/health/ready')).status).toBe(200);
      expect(await count('overload_level')).toBe(2);
      expect((await client.operate(saleId, 'pause')).status).toBe(200);
    });
  });

  it('serves everybody again when it is over', async () => {
    const saleId = await product.client.openSale();
    makeHeavy();
    expect((await product.client.buy(saleId, 'ann', { key: 'press' })).status).toBe(503);
    while (overload.level > 0 || overload.pressure > 0) overload.observe(calm);
    expect((await product.client.buy(saleId, 'ann', { key: 'press' })).status).toBe(202);
  });
});
