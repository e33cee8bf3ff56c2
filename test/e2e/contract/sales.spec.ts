import { admin } from '../../support/client';
import type { SaleView } from '../../../src/sale/sale-view';
import { expectProblem } from '../../support/expect-problem';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';
import { openShortSale, withEnoughTime } from '../support/enough-time';

describe('reading sales', () => {
  let product: TestProduct;

  beforeAll(async () => { product = await TestProduct.start(); });
  afterAll(() => product.stop());

  const read = (saleId: string, headers: Record<string, string> = {}) =>
    product.client.call<SaleView>('GET', `/v1/sales/${saleId}`, { headers });

  const inState = (saleId: string, state: string) => until(`the sale is ${state}`, async () => {
    const { body } = await read(saleId);
    return body.state === state && body;
  }, 60_000);

  /** The first answer with a number: none is told while Redis takes its time. */
  const readNumber = (saleId: string) => until('a number is told', async () => {
    const answer = await read(saleId);
    return answer.body.available !== undefined && answer;
  });

  it('GET /v1/time is the clock in milliseconds, never from a cache', async () => {
    const before = Date.now();
    const { status, headers, body } = await product.client.call<{ now: number }>('GET', '/v1/time');
    expect([status, headers['cache-control']]).toEqual([200, 'no-store']);
    expect(Number.isInteger(body.now)).toBe(true);
    // As much as the answer of a Redis that stands still puts the clock off.
    expect(body.now).toBeGreaterThan(before - 30_000);
    expect(body.now).toBeLessThan(Date.now() + 30_000);
  });

  it('GET /v1/sales/{saleId} says what is sold, to whom, when and how many are left', async () => {
    const saleId = await product.client.openSale(
      { stock: 7, limitPerUser: 2, payWindowSeconds: 60 });
    const { status, headers, body } = await readNumber(saleId);
    expect([status, headers['cache-control']]).toEqual([200, 'public, max-age=1']);
    expect(headers['content-type']).toMatch(/^application\/json/);
    expect(body).toEqual({ id: saleId, product: { id: expect.any(String), name: 'Pen' },
      price: { amount: 9_900, currency: 'CNY' }, limitPerUser: 2, payWindowSeconds: 60,
      needsSaleToken: false,
      opensAt: expect.stringMatching(/Z$/), closesAt: expect.stringMatching(/Z$/), state: 'open',
      available: 7 });
  });

  it('GET /v1/sales/{saleId} is 304 to its own ETag, until a unit is sold', async () => {
    const saleId = await product.client.openSale();
    const { headers: { etag = '' } } = await readNumber(saleId);
    expect(etag).toMatch(/^"[^"]+"$/);
    for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const { status, text, headers } = await read(saleId, { 'if-none-match': tag });
      expect([status, text, headers.etag]).toEqual([304, '', etag]);
    }
    await product.client.buy(saleId, 'ann');
    const changed = await until('the number is read anew', async () => {
      const answer = await read(saleId, { 'if-none-match': etag });
      return answer.status === 200 && answer;
    });
    expect(changed.body.available).toBe(9);
    expect(changed.headers.etag).not.toBe(etag);
  });

  it('GET /v1/sales lists what is not over, the first to open first, cacheable too', async () => {
    const at = (offsetMs: number) => new Date(Date.now() + offsetMs).toISOString();
    const later = await product.client.openSale({ opensAt: at(600_000) });
    const soon = await product.client.openSale({ opensAt: at(300_000) });
    const draft = await product.client.draftSale();
    const { status, headers, body } = await product.client.call<{ items: SaleView[] }>(
      'GET', '/v1/sales');
    expect([status, headers['cache-control']]).toEqual([200, 'public, max-age=1']);
    const ids = body.items.map(({ id }) => id);
    expect(ids.filter((id) => id === soon || id === later)).toEqual([soon, later]);
    expect(ids).not.toContain(draft);
    const again = await product.client.call('GET', '/v1/sales',
      { headers: { 'if-none-match': headers.etag ?? '' } });
    expect([200, 304]).toContain(again.status);
  });

  it('shows every state: scheduled, open, sold_out, open again, paused, closed', async () => {
    const saleId = await withEnoughTime('the sale before its opening', async (seconds) => {
      const opensAt = new Date(Date.now() + seconds * 1_000).toISOString();
      const id = await product.client.openSale({ stock: 1, opensAt });
      const { body } = await readNumber(id);
      if (body.state === 'open' && Date.now() > Date.parse(opensAt) - 5_000) return undefined;
      expect(body).toMatchObject({ state: 'scheduled', available: 1, opensAt });
      return id;
    });
    await inState(saleId, 'open');
    const { id } = await product.client.order(saleId, 'ann');
    expect(await inState(saleId, 'sold_out')).toMatchObject({ available: 0 });
    await product.client.cancel(id, 'ann');
    await inState(saleId, 'open');
    await product.client.operate(saleId, 'pause');
    await inState(saleId, 'paused');
    await product.client.operate(saleId, 'resume');
    await inState(saleId, 'open');
    await product.client.operate(saleId, 'close');
    await inState(saleId, 'closed');
  }, 180_000);

  it('closes by the clock', async () => {
    const saleId = await withEnoughTime('a sale that is not over yet', (seconds) =>
      openShortSale(product.client, seconds));
    const { closesAt } = await inState(saleId, 'closed');
    expect(Date.now()).toBeGreaterThan(Date.parse(closesAt) - 30_000);
  }, 180_000);

  it('is 404 NOT_FOUND for a draft and an unknown sale, 400 for what is no id', async () => {
    expectProblem(await read(await product.client.draftSale()), 'NOT_FOUND');
    expectProblem(await read('no-such-sale'), 'NOT_FOUND');
    expectProblem(await read('no!id'), 'VALIDATION_FAILED');
  });

  it('needs no token, and a wrong one does no harm', async () => {
    const saleId = await product.client.openSale();
    expect((await read(saleId, { authorization: 'Bearer nonsense' })).status).toBe(200);
    expect((await product.client.call('GET', `/v1/sales/${saleId}`, { as: admin })).status)
      .toBe(200);
  });
});
