import { OrderNotices } from '../../../src/order';
import { openEvents } from '../../support/events';
import { expectBooksToBalance } from '../../support/books';
import { createInstallation, TestProduct, type Installation } from '../../support/product';
import { until } from '../../support/until';
import { whileWatched } from '../../support/watch';

describe('two API processes and two workers', () => {
  let installation: Installation;
  let apis: [TestProduct, TestProduct];
  let workers: TestProduct[];

  beforeAll(async () => {
    installation = await createInstallation();
    const start = (roles: string) => TestProduct.start({ ROLES: roles }, installation);
    apis = await Promise.all([start('api'), start('api')]);
    workers = await Promise.all([start('worker'), start('worker')]);
  });

  afterAll(async () => {
    await Promise.all([...apis, ...workers].map((process) => process.stop()));
    await installation.drop();
  });

  it('sell one sale together, each unit once and one order a buyer', async () => {
    const [first, second] = apis;
    const saleId = await first.client.openSale({ stock: 80 });
    const answers = await whileWatched(first, saleId, () => Promise.all(
      Array.from({ length: 400 }, (_, index) => (index % 2 === 0 ? first : second)
        // Every buyer presses at both processes, with different keys.
        .client.buy(saleId, `buyer-${Math.floor(index / 2)}`))));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(80);
    for (const { status, body } of answers) {
      if (status !== 202) expect(['SOLD_OUT', 'LIMIT_EXCEEDED']).toContain(body.code);
    }
    const { orders } = await expectBooksToBalance(second, saleId);
    expect(new Set(orders.map(({ userId }) => userId)).size).toBe(80);
    for (const { status } of orders) expect(status).toBe('pending_payment');
  });

  it('answer the same order to the same key, whichever process is asked', async () => {
    const [first, second] = apis;
    const saleId = await first.client.openSale({ limitPerUser: 5 });
    const answers = await Promise.all([first, second, first, second].map(({ client }) =>
      client.buy(saleId, 'ann', { key: 'one-press', quantity: 2 })));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    const { stock } = await expectBooksToBalance(first, saleId);
    expect(stock.allocated).toBe(2);
  });

  it('answer 201 to a buyer who waits, although another process writes the row', async () => {
    const [first, second] = apis;
    const answers = await until('nobody has waited for longer than a buyer may', async () => {
      const saleId = await first.client.openSale({ stock: 40 });
      const all = await Promise.all(Array.from({ length: 40 }, (_, index) =>
        (index % 2 === 0 ? first : second).client.buy(saleId, `buyer-${index}`,
          { headers: { prefer: 'wait=10' } })));
      return all.every(({ status }) => status !== 202) && all;
    }, 45_000);
    expect(answers.map(({ status, body }) => [status, body.status]))
      .toEqual(answers.map(() => [201, 'pending_payment']));
  }, 120_000);

  it('tell a reader at one process what happens to the order at the other', async () => {
    const [first, second] = apis;
    const saleId = await first.client.openSale();
    const { id } = await first.client.order(saleId, 'ann');
    // It does not look for itself within this test: the notice alone can tell it.
    const notices = second.get(OrderNotices);
    const watch = notices.watch.bind(notices);
    const spy = jest.spyOn(notices, 'watch').mockImplementation((rid) => {
      const watching = watch(rid);
      return { ...watching, next: () => watching.next(600_000) };
    });
    const stream = await openEvents(second, id, 'ann');
    spy.mockRestore();
    await first.client.cancel(id, 'ann');
    await stream.ended;
    expect(stream.events.map(({ status }) => status)).toEqual(['pending_payment', 'cancelled']);
  });

  it('pay at one process what was bought at the other', async () => {
    const [first, second] = apis;
    const saleId = await first.client.openSale();
    const { id } = await first.client.order(saleId, 'ann');
    await second.client.pay(id, 'ann');
    expect((await first.client.find(id, 'ann')).body.status).toBe('paid');
    const { redis } = await expectBooksToBalance(first, saleId);
    expect(redis.counters.sold).toBe(1);
  });

  it('obey an operator at once, whichever process he told', async () => {
    const [first, second] = apis;
    const saleId = await first.client.openSale();
    expect((await second.client.buy(saleId, 'ann')).status).toBe(202);
    await first.client.operate(saleId, 'pause');
    expect((await second.client.buy(saleId, 'bob')).body.code).toBe('SALE_PAUSED');
    await second.client.operate(saleId, 'resume');
    expect((await first.client.buy(saleId, 'bob')).status).toBe(202);
    await first.client.operate(saleId, 'close');
    expect((await second.client.buy(saleId, 'cyd')).body.code).toBe('SALE_CLOSED');
  });

  it('serve no buyers in a worker, but its health and its measurements', async () => {
    const [worker] = workers;
    expect((await worker?.client.call('GET', '/v1/sales'))?.status).toBe(404);
    await until('it is ready', async () =>
      (await worker?.client.call('GET', '/health/ready'))?.status === 200);
    expect((await worker?.client.call('GET', '/metrics'))?.text).toContain('queue_depth');
  });
});
