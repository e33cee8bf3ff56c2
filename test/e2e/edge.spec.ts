import { randomUUID } from 'node:crypto';
import { hasNginx } from '../../tools/lib/edge.mjs';
import { admin, type Answer, type TestClient } from '../support/client';
import { EdgeSite, testAddressHeader } from '../support/edge-site';
import { openEvents } from '../support/events';
import { expectProblem } from '../support/expect-problem';
import { until } from '../support/until';

/** docker/nginx.conf: requests of one client let through at once, and a second. */
const [burst, perSecond] = [400, 200];
/** Shared reads are kept for a second: who asks again and again sees a change. */
const changeMs = 30_000;

// tools/lib/programs.mjs says why, where it cannot be had.
const withNginx = hasNginx() ? describe : describe.skip;

withNginx('the edge in front of two processes', () => {
  let site: EdgeSite;
  let next = 10;

  beforeAll(async () => { site = await EdgeSite.start({ CORS_ORIGINS: 'https://shop.example' }); }, 180_000);
  afterAll(() => site.stop());

  /** A client whom nobody has seen before. */
  const newcomer = () => site.from(`127.0.0.${next += 1}`);
  const statuses = (answers: readonly Answer<unknown>[], status: number) =>
    answers.filter((answer) => answer.status === status);
  const times = <Result>(count: number, act: (index: number) => Promise<Result>) =>
    Promise.all(Array.from({ length: count }, (_, index) => act(index)));

  /** Floods until some are refused: a machine that stands still sends no more than may pass. */
  const untilTooMany = (flood: () => Promise<Answer<unknown>[]>) =>
    until('some are refused', async () => {
      const refused = await flood();
      return refused.length > 0 && refused;
    }, 120_000);

  it('lets the product throttle clients apart, whatever they say of their address', async () => {
    const saleId = await site.direct.openSale({ protection: { throttle: { ip: '3/600' } } });
    // Until then a process lets through by what the configuration says.
    await until('both processes know the sale', async () => {
      const lists = await Promise.all(site.processes.map(({ client }) =>
        client.call('GET', '/v1/sales')));
      return lists.every(({ text }) => text.includes(saleId));
    }, 30_000);
    const [many, other] = [newcomer(), newcomer()];
    const lies = (index: number) => ({ headers: { 'x-forwarded-for': `203.0.113.${index}`,
      'forwarded': `for=203.0.113.${index}`, 'x-real-ip': `203.0.113.${index}` } });
    for (const index of [0, 1, 2]) {
      expect((await many.buy(saleId, `many-${index}`, lies(index))).status).toBe(202);
    }
    expectProblem(await many.buy(saleId, 'many-3', lies(3)), 'RATE_LIMITED');
    const { id } = await other.order(saleId, 'other', lies(4));
    const [rows] = await site.rows.query('SELECT ip FROM stock_ledger WHERE rid = ?', [id]);
    expect(rows).toEqual([{ ip: `127.0.0.${next}` }]);
  });

  it('ends the flood of one client with 429 and hurts no other', async () => {
    const other = newcomer();
    const refused = await untilTooMany(async () => {
      const flooder = newcomer();
      const startedAt = performance.now();
      const answers = await times(1_500, () => flooder.call('GET', '/v1/time'));
      const seconds = (performance.now() - startedAt) / 1_000;
      const passed = statuses(answers, 200).length;
      expect(passed).toBeGreaterThanOrEqual(burst);
      expect(passed).toBeLessThanOrEqual(burst + 1 + perSecond * seconds);
      return answers.filter(({ status }) => status !== 200);
    });
    for (const answer of refused.slice(0, 20)) {
      expectProblem(answer, 'RATE_LIMITED');
      expect(answer.headers).toMatchObject({ 'retry-after': '1', 'ratelimit': '"edge";r=0;t=1',
        'ratelimit-policy': '"edge";q=200;w=1' });
    }
    expect((await other.call('GET', '/v1/time')).status).toBe(200);
  }, 180_000);

  it('takes the addresses of one IPv6 network for one client, and another network for another',
    async () => {
      const client = site.from('127.0.0.1');
      const ask = (address: string) =>
        client.call('GET', '/v1/time', { headers: { [testAddressHeader]: address } });
      await untilTooMany(async () => statuses(await times(1_500, (index) =>
        ask(`2001:db8:0:7::${index.toString(16)}`)), 429));
      expect((await ask('2001:db8:0:8::1')).status).toBe(200);
      expect((await ask('198.51.100.7')).status).toBe(200);
    }, 180_000);

  it('answers a crowd of readers with a handful of reads, and shows a change in time', async () => {
    const saleId = await site.direct.openSale();
    const [client, route] = [newcomer(), '/v1/sales/:saleId'];
    const before = await site.requestsOf(route);
    // What is kept when the count begins.
    expect((await client.call('GET', `/v1/sales/${saleId}`)).status).toBe(200);
    const startedAt = performance.now();
    // Neither a query nor a token nor an origin that somebody made up is a way round it.
    const answers = await times(600, (index) => client.call('GET', `/v1/sales/${saleId}?${index}`,
      { headers: { authorization: `Bearer ${index}`, origin: `https://${index}.example` } }));
    const seconds = Math.ceil((performance.now() - startedAt) / 1_000);
    expect(statuses(answers, 200)).toHaveLength(600);
    expect(await site.requestsOf(route) - before).toBeLessThanOrEqual(1 + 2 * (seconds + 1));
    expect(new Set(answers.map(({ headers }) => headers['x-trace-id'])).size).toBe(600);
    // The number of units may come to be told in between.
    await until('it is still right', async () => {
      const { headers: { etag } } = await client.call('GET', `/v1/sales/${saleId}`);
      const again = await client.call('GET', `/v1/sales/${saleId}`,
        { headers: { 'if-none-match': String(etag) } });
      return again.status === 304;
    });
    await site.direct.operate(saleId, 'pause');
    await until('the pause is seen', async () =>
      (await client.call('GET', `/v1/sales/${saleId}`)).body.state === 'paused', changeMs);
  });

  it('keeps no refusal, so that a sale is there as soon as the product has it', async () => {
    const saleId = await site.direct.draftSale();
    const [client, route] = [newcomer(), '/v1/sales/:saleId'];
    const before = await site.requestsOf(route);
    for (let read = 1; read <= 3; read += 1) {
      expectProblem(await client.call('GET', `/v1/sales/${saleId}`), 'NOT_FOUND');
      // A request is counted after its answer.
      await until('it has come through', async () =>
        await site.requestsOf(route) === before + read);
    }
    await site.direct.operate(saleId, 'preload');
    await until('it is there', async () =>
      (await client.call('GET', `/v1/sales/${saleId}`)).status === 200, changeMs);
  });

  it('keeps nothing that is personal: every buyer has his own orders', async () => {
    const saleId = await site.direct.openSale();
    const client = newcomer();
    const [ann, bob] = [await client.order(saleId, 'ann'), await client.order(saleId, 'bob')];
    expect(ann.id).not.toBe(bob.id);
    expect((await client.find(ann.id, 'ann')).body.userId).toBe('ann');
    expectProblem(await client.find(ann.id, 'bob'), 'NOT_FOUND');
    for (const [as, order] of [['ann', ann], ['bob', bob]] as const) {
      const { body } = await client.call<{ items: { id: string }[] }>('GET', '/v1/orders', { as });
      expect(body.items.map(({ id }) => id)).toEqual([order.id]);
      const mine = await client.call<{ orders: { id: string }[] }>(
        'GET', `/v1/sales/${saleId}/me`, { as });
      expect(mine.body.orders.map(({ id }) => id)).toEqual([order.id]);
    }
    expectProblem(await client.find(ann.id, undefined), 'UNAUTHENTICATED');
    const personal = () => site.log().filter(({ path }) => /orders|\/me$/.test(path));
    await until('it is logged', async () => personal().some(({ status }) => status === 401), 30_000);
    expect(new Set(personal().map(({ cache }) => cache))).toEqual(new Set(['']));
  });

  it('passes the events of an order on as they come', async () => {
    const saleId = await site.direct.openSale();
    const client = newcomer();
    const { id } = await client.order(saleId, 'eve');
    const stream = await openEvents({ url: site.edge.url, client }, id, 'eve');
    await until('the first is there', async () => stream.events.length === 1, 30_000);
    await client.pay(id, 'eve');
    await stream.ended;
    expect(stream.events.map(({ status }) => status)).toEqual(['pending_payment', 'paid']);
  });

  it('shows outside what is for buyers, and operators come in by the inner door', async () => {
    const client = newcomer();
    const hidden = ['/metrics', '/health/ready', '/health/live', '/docs', '/openapi.json',
      '/admin/v1/sales', '/tcc/v1/reservations/x', '/', '//metrics',
      '/%6detrics', '/metrics/', '/v1'];
    for (const path of hidden) {
      expectProblem(await client.call('GET', path, { as: admin }), 'NOT_FOUND');
    }
    const inner = await fetch(`${site.edge.innerUrl}/admin/v1/sales`,
      { headers: { authorization: `Bearer ${client.tokenOf(admin)}` } });
    expect(inner.status).toBe(200);
    expect((await fetch(`${site.edge.innerUrl}/metrics`)).status).toBe(404);
  });

  it('says in the words of the product what it refuses itself, under the trace of the caller',
    async () => {
      const traceId = randomUUID().replaceAll('-', '');
      const answer = await newcomer().call('POST', '/v1/captcha/challenges', { as: 'ann',
        body: { padding: 'x'.repeat(17 * 1_024) },
        headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` } });
      expectProblem(answer, 'BODY_TOO_LARGE');
      expect([answer.body.traceId, answer.headers['x-trace-id']]).toEqual([traceId, traceId]);
    });

  it('loses and doubles no purchase when a process is killed amid them', async () => {
    const [buyers, killAfter] = [200, 40];
    const saleId = await site.direct.openSale({ stock: buyers });
    const client = newcomer();
    let answered = 0;
    const orders = await times(buyers, async (index) => {
      const id = await buyUntilHeld(client, saleId, `buyer-${index}`);
      answered += 1;
      if (answered === killAfter) site.processes[1]?.signal('SIGKILL');
      return id;
    });
    expect(new Set(orders).size).toBe(buyers);
    await site.direct.atRest(saleId);
    const [rows] = await site.rows.query(
      "SELECT rid FROM orders WHERE sale_id = ? AND status = 'pending_payment'", [saleId]);
    expect((rows as { rid: string }[]).map(({ rid }) => rid).sort()).toEqual(orders.sort());
  }, 120_000);

  it('says 503 and when to come back while no process is there, and nothing else', async () => {
    const client = newcomer();
    await Promise.all(site.processes.map((process) => process.end()));
    const answer = await client.buy('sale_00000000000000000000', 'ann');
    expectProblem(answer, 'TEMPORARILY_UNAVAILABLE');
    expect(answer.headers['retry-after']).toBe('1');
  });

  /** As the shop does it: 503 means the same request again. Resolves to the order's id. */
  async function buyUntilHeld(client: TestClient, saleId: string, userId: string): Promise<string> {
    const key = randomUUID();
    return until(`${userId} has an order`, async () => {
      const { status, body } = await client.buy(saleId, userId, { key });
      expect([200, 202, 503]).toContain(status);
      return status !== 503 && body.id;
    }, 60_000);
  }
});
