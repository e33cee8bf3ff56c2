import { harmless, reviewer, risky, rulesOfTests } from '../support/case-desk';
import { until } from '../support/until';
import { checkBooks } from './support/books';
import { Deployment } from './support/deployment';
import { PrivateServers } from './support/private-servers';

jest.setTimeout(120_000);

/** The rows of "What recovers a crash between two steps" in docs/protocol.md, S2 to S8 and S13. */
describe('a process dies between two steps', () => {
  let servers: PrivateServers;
  let deployment: Deployment;

  beforeAll(async () => { servers = await PrivateServers.start(); });
  afterAll(async () => { await servers.stop(); });
  beforeEach(async () => { deployment = await Deployment.create(servers); });
  afterEach(async () => { await deployment.stop(); });

  it.each([
    ['S2–S3: the units are held, the buyer was not answered', 'reserve-before-reply'],
    ['S3–S4: the relay has entries that the queue does not have', 'relay-before-queue'],
    ['S4–S5: the job is taken, nothing is written', 'writer-before-commit'],
    ['S5–S6: the rows are committed, Redis does not know', 'writer-after-commit'],
  ])('%s: another process makes orders of them, once', async (_row, failpoint) => {
    const dying = await deployment.start({ failpoint });
    const saleId = await dying.client.openSale({ stock: 20 });
    const crowd = deployment.crowd(saleId);
    const pressing = crowd.press(12);
    expect(await dying.ended).toBe('SIGKILL');
    await deployment.start();
    await pressing;
    const { rows, pending } = await checkBooks(deployment, saleId, crowd.acknowledged);
    expect([crowd.acknowledged.length, rows.length, pending]).toEqual([12, 12, 12]);
    expect(await crowd.askAgain()).toEqual(crowd.acknowledged.map(({ orderId }) => orderId));
  });

  it('inside S4: queue and outbox both have a batch: carried twice, written once', async () => {
    const dying = await deployment.start({ failpoint: 'relay-before-acknowledge' });
    const saleId = await dying.client.openSale();
    const pressing = deployment.crowd(saleId).press(5);
    await dying.ended;
    await deployment.start();
    await pressing;
    const { rows } = await until('the outbox is empty', async () => {
      const books = await checkBooks(deployment, saleId, []);
      return books.outbox === 0 && books;
    }, 30_000);
    expect(rows).toHaveLength(5);
  });

  it('S7–S8: the row is paid, Redis has it ordered: the sweep settles it, once', async () => {
    const dying = await deployment.start({ failpoint: 'pay-before-settle' });
    const saleId = await dying.client.openSale({ payWindowSeconds: 6 });
    const order = await dying.client.order(saleId, 'alice');
    const { body } = await dying.client.startPayment(order.id, 'alice');
    const payment = { orderId: order.id, paymentId: body.paymentId, ...body.amount };
    const report = ['payment.succeeded', payment, 'msg_of_alice'] as const;
    await expect(dying.client.report(...report)).rejects.toThrow();
    expect(await dying.ended).toBe('SIGKILL');
    const { client } = await deployment.start();
    expect((await client.report(...report)).status).toBe(200);
    const { paid, redis } = await checkBooks(deployment, saleId, []);
    expect([paid, redis.sold, redis.available]).toEqual([1, 1, 9]);
  });

  it('S7–S8: the row is cancelled, Redis holds it: the sweep gives it back, once', async () => {
    const dying = await deployment.start({ failpoint: 'close-before-release' });
    const saleId = await dying.client.openSale({ payWindowSeconds: 3 });
    const order = await dying.client.order(saleId, 'alice');
    await expect(dying.client.cancel(order.id, 'alice')).rejects.toThrow();
    expect(await dying.ended).toBe('SIGKILL');
    const { client } = await deployment.start();
    expect((await client.cancel(order.id, 'alice')).body.status).toBe('cancelled');
    const { rows, redis } = await checkBooks(deployment, saleId, []);
    expect([rows[0]?.status, redis.available]).toEqual(['cancelled', 10]);
  });

  it('S7–S8: the row has expired, Redis holds it: the sweep gives it back, once', async () => {
    const dying = await deployment.start({ failpoint: 'close-before-release' });
    const saleId = await dying.client.openSale({ payWindowSeconds: 1 });
    await dying.client.buy(saleId, 'alice');
    expect(await dying.ended).toBe('SIGKILL');
    const { client } = await deployment.start();
    await until('the unit is back', async () =>
      (await client.stock(saleId)).redis.available === 10);
    const { rows } = await checkBooks(deployment, saleId, []);
    expect(rows[0]?.status).toBe('expired');
  });

  it('S13: the units are had again in Redis, the row is still frozen: thawed, once', async () => {
    const dying = await deployment.start({ failpoint: 'thaw-before-commit' });
    const as = reviewer;
    await dying.client.call('PUT', '/admin/v1/risk/rules', { as, body: rulesOfTests });
    const saleId = await dying.client.openSale({ limitPerUser: 6, protection: { risk: 'on' } });
    const { id } = await dying.client.order(saleId, 'alice', harmless);
    await dying.client.buy(saleId, 'alice', risky);
    await dying.client.inStatus(id, 'alice', 'frozen');
    const { body: { items: [riskCase] } } = await dying.client.call<{ items: { id: string }[] }>(
      'GET', '/admin/v1/risk/cases', { as });
    const decision = ['POST', `/admin/v1/risk/cases/${riskCase?.id}/decision`,
      { as, body: { decision: 'dismiss' } }] as const;
    await expect(dying.client.call(...decision)).rejects.toThrow();
    expect(await dying.ended).toBe('SIGKILL');
    const { client } = await deployment.start();
    expect((await client.call(...decision)).status).toBe(200);
    await client.inStatus(id, 'alice', 'pending_payment');
    const { pending, redis } = await checkBooks(deployment, saleId, []);
    expect([pending, redis.available]).toEqual([1, 9]);
  });
});
