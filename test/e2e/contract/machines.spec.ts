import { expectProblem } from '../../support/expect-problem';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';

describe('machines', () => {
  let product: TestProduct;

  beforeAll(async () => { product = await TestProduct.start(); });
  afterAll(() => product.stop());

  const get = (path: string) => product.client.call('GET', path);

  it('GET /health/live is 200', async () => {
    expect(await get('/health/live')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });

  it('GET /health/ready names Redis, database, queue and what each does to keep data', async () => {
    // A part that does not answer within a second is said to be down, until it does.
    const { body } = await until('it is ready', async () => {
      const answer = await get('/health/ready');
      return answer.status === 200 && answer;
    });
    expect(body['status']).toBe('ok');
    expect(body['details']).toMatchObject({
      process: { status: 'up' },
      redis: { status: 'up', appendonly: 'yes', appendfsync: expect.any(String),
        maxmemoryPolicy: 'noeviction' },
      database: { status: 'up', innodbFlushLogAtTrxCommit: expect.any(Number) },
      queue: { status: 'up', waiting: expect.any(Number) },
    });
  });

  it('GET /metrics has every series of the contract, counting what has happened', async () => {
    const { client } = product;
    const saleId = await client.openSale({ stock: 2 });
    // As long as one may wait: an order that was asked for twice would be counted twice.
    const wait = { headers: { prefer: 'wait=30' } };
    const { id } = await client.order(saleId, 'ann', wait);
    await client.order(saleId, 'bob', wait);
    await client.buy(saleId, 'cyd');
    await client.pay(id, 'ann');
    const route = 'method="POST",route="/v1/sales/:saleId/orders"';
    // Gauges are measured for a second at most, and a request is counted after its answer.
    const { status, headers, text } = await until('all is measured', async () => {
      const page = await get('/metrics');
      return [`stock_remaining{sale_id="${saleId}"}`, 'queue_depth{queue="orders"}',
        'process_resident_memory_bytes',
        `http_request_duration_seconds_count{${route},status="4xx"}`]
        .every((series) => page.text.includes(`\n${series} `)) && page;
    });
    expect([status, headers['content-type']]).toEqual(
      [200, expect.stringMatching(/^text\/plain; version=0\.0\.4/)]);
    for (const [name, type] of Object.entries({
      inventory_decr_total: 'counter', inventory_decr_duration_seconds: 'histogram',
      inventory_version_conflict_total: 'counter', stock_remaining: 'gauge', stock_drift: 'gauge',
      purchase_requests_total: 'counter', order_status_total: 'counter', queue_depth: 'gauge',
      order_persist_lag_seconds: 'histogram', http_request_duration_seconds: 'histogram',
    })) expect(text).toContain(`# TYPE ${name} ${type}\n`);
    const series = new Map([...text.matchAll(/^([^#].*) (\S+)$/gm)]
      .map(([, name = '', value = '']) => [name, value]));
    expect(Object.fromEntries(series)).toMatchObject({
      'inventory_decr_total{result="held",source="purchase"}': '2',
      'inventory_decr_total{result="sold_out",source="purchase"}': '1',
      'inventory_decr_duration_seconds_count': '3',
      'purchase_requests_total{outcome="created"}': '2',
      'purchase_requests_total{outcome="sold_out"}': '1',
      'order_status_total{status="pending_payment"}': '2',
      'order_status_total{status="paid"}': '1',
      'order_persist_lag_seconds_count': '2',
      [`stock_remaining{sale_id="${saleId}"}`]: '0',
      'queue_depth{queue="orders"}': expect.stringMatching(/^\d+$/),
      'process_resident_memory_bytes': expect.stringMatching(/^\d+$/),
    });
    expect(series.get(`http_request_duration_seconds_count{${route},status="2xx"}`)).toBe('2');
    expect(series.get(`http_request_duration_seconds_count{${route},status="4xx"}`)).toBe('1');
  });

  it('GET /metrics counts by route pattern, never by what a stranger typed', async () => {
    await get('/v1/sales/no-such-sale');
    await get('/typed/by/a/stranger');
    const { text } = await until('both are counted', async () => {
      const page = await get('/metrics');
      return ['/v1/sales/:saleId', 'unknown'].every((route) => page.text.includes(
        `_seconds_count{method="GET",route="${route}",status="4xx"} 1\n`)) && page;
    });
    expect(text).not.toMatch(/no-such-sale|stranger/);
  });

  it('GET /metrics belongs to one application, also where two live in one process', async () => {
    await get('/v1/sales/no-such-sale');
    const other = await TestProduct.start();
    const { text } = await other.client.call('GET', '/metrics');
    await other.stop();
    expect(text).toContain('# TYPE http_request_duration_seconds histogram\n');
    expect(text).not.toContain('route="/v1/sales/:saleId"');
  });

  it('GET /docs is a page that loads nothing from elsewhere', async () => {
    const { status, headers, text } = await get('/docs');
    expect([status, headers['content-type']]).toEqual(
      [200, expect.stringMatching(/^text\/html/)]);
    const links = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path);
    expect(links).not.toEqual([]);
    for (const path of links) {
      expect(path).toMatch(/^\/docs\//);
      expect((await get(path)).status).toBe(200);
    }
  });

  describe('whatever is asked', () => {
    it('is 404 NOT_FOUND where there is no route', async () => {
      expectProblem(await get('/v1/nothing'), 'NOT_FOUND');
      expectProblem(await get('/'), 'NOT_FOUND');
    });

    it.each([
      ['DELETE', '/v1/sales', 'GET'], ['GET', '/v1/sales/x/orders', 'POST'],
      ['PUT', '/v1/orders/x/cancel', 'POST'], ['POST', '/health/live', 'GET'],
      ['PATCH', '/admin/v1/sales/x/stock', 'GET'],
    ] as const)('is 405 METHOD_NOT_ALLOWED with Allow for %s %s', async (method, path, allowed) => {
      const answer = await product.client.call(method, path);
      expectProblem(answer, 'METHOD_NOT_ALLOWED');
      expect(answer.headers.allow?.split(', ')).toContain(allowed);
    });

    it("carries the caller's trace id in the answer and in the problem", async () => {
      const traceId = 'ab'.repeat(16);
      const answer = await product.client.call('GET', '/v1/sales/no-such-sale',
        { headers: { traceparent: `00-${traceId}-${'cd'.repeat(8)}-01` } });
      expectProblem(answer, 'NOT_FOUND');
      expect(answer.body.traceId).toBe(traceId);
    });

    it('tells nothing of the inside', async () => {
      const answer = await product.client.call('POST', '/v1/webhooks/payments', { raw: '{"a":' });
      expect(answer.text).not.toMatch(/node_modules|src\/|Error:|at .*\(/);
      expect(answer.headers['x-powered-by']).toBeUndefined();
    });
  });
});
