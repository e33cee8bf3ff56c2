import { OrderFreeze } from '../../../src/order';
import { StockRedis } from '../../../src/stock';
import { expectProblem } from '../../support/expect-problem';
import { FaultProxy } from '../../support/fault-proxy';
import { reviewer } from '../../support/freezing';
import { PaymentProduct } from '../../support/payment-product';
import { earn } from '../../support/proofs';
import { SegmentedSale } from '../../support/segmented-sale';
import { until } from '../../support/until';

const redisPort = Number(new URL(process.env.TEST_REDIS_URL ?? '').port);

jest.setTimeout(240_000);

/** All that happens to orders and to a sale, while the database is the gate. */
describe('a sale that goes on without Redis', () => {
  let way: FaultProxy;
  let product: PaymentProduct;
  let client: PaymentProduct['client'];
  const sales = { plain: '', short: '', scarce: '', invited: '', strict: '' };
  const tokens = { early: '', late: '' };
  const stays: string[] = [];
  let parts: SegmentedSale;

  beforeAll(async () => {
    way = await FaultProxy.start(redisPort);
    product = await PaymentProduct.start({ REDIS_URL: way.url('redis'), REDIS_OUTAGE_SECONDS: '1' });
    client = product.client;
    const open = (changes: object) =>
      client.openSale({ stock: 20, limitPerUser: 2, redisOutage: 'database', ...changes });
    sales.plain = await open({});
    sales.short = await open({ stock: 1 });
    sales.scarce = await open({ stock: 1 });
    sales.invited = await open({ protection: { saleToken: true } });
    sales.strict = await client.openSale({ redisOutage: 'pause' });
    parts = await SegmentedSale.open(product.product,
      { stock: 6, limitPerUser: 2, redisOutage: 'database' });
    tokens.early = await earn(product.product, 'sale token', sales.invited, 'early');
    tokens.late = await earn(product.product, 'sale token', sales.invited, 'late');
    stays.push((await client.order(sales.plain, 'before')).id);
    await way.refuse();
    way.cut();
    for (const saleId of [sales.plain, sales.short, sales.scarce, sales.invited, ...parts.stockIds]) {
      await until('the database sells', async () => (await stockRow(saleId))?.gate === 'database',
        60_000);
    }
  });
  afterAll(async () => {
    await product.stop();
    await way.stop();
  });

  interface StockRow { gate: string; allocated: number; total: number }
  async function stockRow(saleId: string) {
    const [row] = await product.tables.query<StockRow>(
      'SELECT gate, allocated, total FROM sale_stock WHERE sale_id = ?', [saleId]);
    return row;
  }

  it('sells, answers a repetition with the same order, and keeps the limit of a buyer', async () => {
    const first = await client.buy(sales.plain, 'ann', { key: 'key' });
    expect([first.status, first.body.status]).toEqual([202, 'pending_payment']);
    expect((await client.buy(sales.plain, 'ann', { key: 'key' })).body.id).toBe(first.body.id);
    expectProblem(await client.buy(sales.plain, 'ann', { key: 'key', quantity: 2 }),
      'IDEMPOTENCY_KEY_REUSED');
    expectProblem(await client.buy(sales.plain, 'ann', { quantity: 2 }), 'LIMIT_EXCEEDED');
    expectProblem(await client.buy(sales.plain, 'before', { quantity: 2 }), 'LIMIT_EXCEEDED');
    stays.push(first.body.id);
  });

  it('sells what all segments of a sale have to the buyers of one, and then says that it is sold out',
    async () => {
      for (const userId of parts.buyersOf(0, 3)) expect((await parts.press(userId, 2)).status).toBe(202);
      expectProblem(await parts.press(parts.buyerOf(0)), 'SOLD_OUT');
      expectProblem(await parts.press(parts.buyerOf(1)), 'SOLD_OUT');
    });

  it('takes a payment and a cancellation, and answers at once', async () => {
    const paid = await client.order(sales.plain, 'payer');
    const told = jest.spyOn(product.get(StockRedis), 'run');
    await client.pay(paid.id, 'payer');
    expect((await client.find(paid.id, 'payer')).body.status).toBe('paid');
    const gone = await client.order(sales.plain, 'quitter');
    expect((await client.cancel(gone.id, 'quitter')).body.status).toBe('cancelled');
    // Nothing of it was to be told to Redis, for which it would have had to wait.
    expect(told.mock.calls.filter(([script, [meta]]) => meta?.includes(sales.plain)
      && ['confirm', 'settle', 'release'].includes(script))).toEqual([]);
    told.mockRestore();
    stays.push(paid.id);
  });

  it('ends what was not paid in time, and sells its unit again', async () => {
    const { id } = await client.order(sales.short, 'slow');
    expectProblem(await client.buy(sales.short, 'next'), 'SOLD_OUT');
    await product.letExpire(id);
    await until('the order has ended', async () => await product.statusOf(id) === 'expired', 60_000);
    expect((await client.buy(sales.short, 'next')).status).toBe(202);
  });

  it('gives late money another order while units are there, and else gives it back', async () => {
    const data = await product.startPayment((await client.order(sales.scarce, 'alice')).id);
    await client.cancel(data.orderId, 'alice');
    await product.deliver('payment.succeeded', data);
    const replacement = await until('the money has an order', async () =>
      (await product.payment(data.orderId))?.replacement_rid, 60_000);
    expect(await product.statusOf(replacement)).toBe('paid');
    expect(await stockRow(sales.scarce)).toMatchObject({ allocated: 1, total: 1 });
  });

  it('freezes the orders of a buyer, whose units are on sale then, and leaves a thaw for later',
    async () => {
      const { id } = await client.order(sales.plain, 'suspect');
      const before = await stockRow(sales.plain);
      await product.get(OrderFreeze).freeze('suspect', reviewer);
      expect(await product.statusOf(id)).toBe('frozen');
      expect((await stockRow(sales.plain))?.allocated).toBe((before?.allocated ?? 0) - 1);
      await product.get(OrderFreeze).thaw([id], reviewer).catch((error: unknown) => error);
      expect(['frozen', 'pending_payment']).toContain(await product.statusOf(id));
    });

  it('is paused, resumed and closed', async () => {
    expect((await client.operate(sales.short, 'pause')).status).toBe(200);
    expectProblem(await client.buy(sales.short, 'hopeful'), 'SALE_PAUSED');
    expect((await client.operate(sales.short, 'resume')).status).toBe(200);
    expectProblem(await client.buy(sales.short, 'hopeful'), 'SOLD_OUT');
    expect((await client.operate(sales.short, 'close')).status).toBe(200);
    expectProblem(await client.buy(sales.short, 'hopeful'), 'SALE_CLOSED');
  });

  it('gets units, and gives those away that nobody has', async () => {
    const before = await stockRow(sales.plain);
    expect((await client.adjust(sales.plain, 5, 'more')).status).toBe(200);
    expect((await client.adjust(sales.plain, 5, 'more')).status).toBe(200);
    expect((await client.adjust(sales.plain, -3)).status).toBe(200);
    expectProblem(await client.adjust(sales.plain, -1_000), 'SOLD_OUT');
    expect((await stockRow(sales.plain))?.total).toBe((before?.total ?? 0) + 2);
  });

  it('shows what the database has left, and that the process is ready', async () => {
    const row = await stockRow(sales.plain);
    const free = (row?.total ?? 0) - (row?.allocated ?? 0);
    await until('the page shows it', async () => {
      const { body } = await client.call<{ available: number }>('GET', `/v1/sales/${sales.plain}`);
      return body.available === free;
    }, 60_000);
    expect((await client.stock(sales.plain))).toMatchObject({ gate: 'database' });
    await until('it says that it is ready', async () =>
      (await client.call('GET', '/health/ready')).status === 200, 60_000);
  });

  it('cannot tell of an id that Redis may hold, and knows no other', async () => {
    const { id } = await client.order(sales.plain, 'owner');
    const [user, sale, rest] = [id.slice(0, 2), id.slice(2, 6), id.slice(6)];
    expectProblem(await client.find(`${user}${sale}${rest.slice(4)}0000`, 'owner'),
      'TEMPORARILY_UNAVAILABLE');
    expectProblem(await client.find(`${user}0000${rest}`, 'owner'), 'NOT_FOUND');
    stays.push(id);
  });

  it('sells nothing of a sale whose operator wants it to pause', async () => {
    expectProblem(await client.buy(sales.strict, 'ann'), 'TEMPORARILY_UNAVAILABLE');
    expect((await stockRow(sales.strict))?.gate).toBe('redis');
  });

  it('goes back to Redis with all of that, and knows the proofs that were spent', async () => {
    const early = { headers: { 'x-sale-token': tokens.early } };
    expect((await client.buy(sales.invited, 'early', early)).status).toBe(202);
    await way.accept();
    for (const saleId of [...Object.values(sales), ...parts.stockIds]) {
      await until('Redis sells', async () => (await stockRow(saleId))?.gate === 'redis', 60_000);
    }
    const retry = async () => {
      const answer = await client.buy(sales.invited, 'early', early);
      return answer.status !== 503 && answer;
    };
    expectProblem(await until('it has an answer', retry, 60_000), 'SALE_TOKEN_INVALID');
    expect((await client.buy(sales.invited, 'late', { headers: { 'x-sale-token': tokens.late } }))
      .status).toBe(202);
    for (const saleId of [sales.plain, sales.scarce, sales.invited]) {
      expect(await client.atRest(saleId)).toMatchObject({ gate: 'redis', drift: 0 });
    }
    expect(await client.atRest(parts.id)).toMatchObject({ gate: 'redis', total: 6, lent: 0,
      redis: { available: 0 }, database: { allocated: 6 } });
    const statuses = await Promise.all(stays.map((id) => product.statusOf(id)));
    expect(statuses.filter((status) => status !== 'paid' && status !== 'pending_payment')).toEqual([]);
  });
});
