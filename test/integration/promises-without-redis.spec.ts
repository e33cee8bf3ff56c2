import { Database } from '../../src/infra/database';
import { OrderStore } from '../../src/order';
import { ReservationIds, StockGate, StockReader } from '../../src/stock';
import { FaultProxy } from '../support/fault-proxy';
import { createInstallation, TestProduct, type Installation } from '../support/product';
import { earn } from '../support/proofs';
import { TestService } from '../support/service';
import { until } from '../support/until';

const redisPort = Number(new URL(process.env.TEST_REDIS_URL ?? '').port);

jest.setTimeout(180_000);

/** There is no worker: a row comes of what the process that promised the order remembers itself. */
describe('orders that were promised before Redis went for good', () => {
  let way: FaultProxy;
  let installation: Installation;
  let product: TestProduct;

  beforeEach(async () => {
    way = await FaultProxy.start(redisPort);
    installation = await createInstallation();
    product = await TestProduct.start({ ROLES: 'api', REDIS_URL: way.url('redis') }, installation);
  });
  afterEach(async () => {
    await way.accept();
    await product.stop();
    await way.stop();
    await installation.drop();
  });

  async function promised(saleId: string, userId: string): Promise<string> {
    const { status, body } = await product.client.buy(saleId, userId);
    expect(status).toBe(202);
    return body.id;
  }

  const expectWritten = (rid: string) => until(`${rid} is written`, async () =>
    (await product.get(OrderStore).find(rid))?.status === 'pending_payment');

  it('are written also when the promise came of a second try, whose first reply was lost', async () => {
    const saleId = await product.client.openSale({ stock: 1_000 });
    let attempts = 0;
    // On a busy machine the next connection may come too late for a second try: then another buyer.
    const rid = await until('a second try has an answer', async () => {
      attempts += 1;
      const droppedBefore = way.droppedReplies;
      way.dropReply(`alice-${attempts}`);
      const { status, body } = await product.client.buy(saleId, `alice-${attempts}`);
      return status === 202 && way.droppedReplies > droppedBefore && body.id;
    });
    await way.refuse();
    await expectWritten(rid);
  });

  it('are written also when the promise was repeated to a buyer whose proof is gone', async () => {
    const saleId = await product.client.openSale({ protection: { captcha: 'always' } });
    const other = await TestProduct.start({ ROLES: 'api' }, installation);
    const token = await earn(other, 'captcha token', saleId, 'ann');
    const first = await other.client.buy(saleId, 'ann', { key: 'press',
      headers: { 'x-captcha-token': token } });
    await other.stop();
    const again = await product.client.buy(saleId, 'ann', { key: 'press' });
    expect([first.status, again.status, again.body.id]).toEqual([202, 202, first.body.id]);
    await way.refuse();
    await expectWritten(first.body.id);
  });

  it('are written also when late money has bought once more', async () => {
    const saleId = await product.client.openSale();
    const whole = await TestProduct.start({}, installation);
    const { id: orderId } = await whole.client.order(saleId, 'ann');
    const { paymentId, amount } = (await whole.client.startPayment(orderId, 'ann')).body;
    await whole.client.cancelInTheEnd(orderId, 'ann');
    await whole.stop();
    const { status } = await product.client.report('payment.succeeded',
      { orderId, paymentId, ...amount });
    expect(status).toBe(200);
    await way.refuse();
    await expectWritten(product.get(StockGate).idOf('ann', saleId, `late:${paymentId}`));
  });

  it('are written also when a shop waits for them, and it has its answer', async () => {
    const saleId = await product.client.openSale();
    const tried = { userId: 'ann', key: 'order' };
    const rid = product.get(ReservationIds).ofService('shop', tried.userId, saleId, tried.key);
    const answer = new TestService(product.client, 'shop').answerTo(saleId, tried);
    await until('the units are held', async () =>
      await product.get(StockReader).reservation(saleId, rid) !== undefined);
    await way.refuse();
    const { status, body } = await answer;
    expect([status, body.id]).toEqual([201, rid]);
  });

  it('are written by a process that is told to stop before it has given Redis up', async () => {
    const other = await TestProduct.start({ ROLES: 'api', REDIS_URL: way.url('redis') }, installation);
    const saleId = await other.client.openSale();
    const { status, body } = await other.client.buy(saleId, 'ann');
    expect(status).toBe(202);
    await way.refuse();
    await other.stop();
    expect((await product.get(OrderStore).find(body.id))?.status).toBe('pending_payment');
  });

  it('are written although those of another sale cannot be', async () => {
    const damaged = await product.client.openSale();
    const sound = await product.client.openSale();
    const first = await promised(damaged, 'ann');
    const second = await promised(sound, 'bob');
    // The database is older than what was promised of this sale: recovery has to look at it.
    await product.get(Database).execute('UPDATE sale_stock SET epoch = 0 WHERE sale_id = ?', [damaged]);
    await way.refuse();
    await expectWritten(second);
    expect(await product.get(OrderStore).find(first)).toBeUndefined();
  });
});
