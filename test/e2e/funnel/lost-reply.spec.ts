import { StockReader, StockRedis } from '../../../src/stock';
import { TestClient } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { FaultProxy } from '../../support/fault-proxy';
import { makePatient } from '../../support/patient';
import { createInstallation, TestProduct } from '../../support/product';
import { earn, mint, proofs } from '../../support/proofs';
import { tally, times } from './support/tally';

const { 'sale token': saleToken, 'captcha token': captchaToken } = proofs;

/** A sale that asks for both proofs, bought of by a buyer who never hears so. */
describe('a buyer whose answer was lost', () => {
  let product: TestProduct;
  let way: FaultProxy;
  let far: TestClient;
  let saleId: string;
  let buyers = 0;

  beforeAll(async () => {
    product = await TestProduct.start();
    makePatient(product);
    way = await FaultProxy.start(Number(new URL(product.url).port));
    far = new TestClient(way.url('http'), product.config);
    saleId = await product.client.openSale({ stock: 100, limitPerUser: 2,
      protection: { ...saleToken.protection, ...captchaToken.protection } });
  });

  afterAll(async () => {
    far.close();
    await way.stop();
    await product.stop();
  });

  /** He bought with key `key`; the connection broke before he heard. */
  async function boughtUnheard() {
    const userId = `buyer-${buyers += 1}`;
    const headers = { [saleToken.header]: await earn(product, 'sale token', saleId, userId),
      [captchaToken.header]: await earn(product, 'captcha token', saleId, userId) };
    const cutBefore = way.droppedReplies;
    way.dropReply(far.tokenOf(userId));
    await expect(far.buy(saleId, userId, { key: 'key', headers })).rejects.toThrow();
    expect(way.droppedReplies).toBe(cutBefore + 1);
    return { userId, headers };
  }

  /** What he gets when he asks again is the one order that he has. */
  async function expectHisOrder(userId: string, headers: Record<string, string>) {
    const again = await product.client.buy(saleId, userId, { key: 'key', headers });
    expect([200, 202]).toContain(again.status);
    await product.client.inStatus(again.body.id, userId, 'pending_payment');
    const { body } = await product.client.call<{ items: { id: string }[] }>('GET', '/v1/orders',
      { as: userId });
    expect(body.items.map(({ id }) => id)).toEqual([again.body.id]);
  }

  it('finds his order with the proofs that it has spent', async () => {
    const { userId, headers } = await boughtUnheard();
    await expectHisOrder(userId, headers);
  });

  it('finds it without any proof', async () => {
    const { userId } = await boughtUnheard();
    await expectHisOrder(userId, {});
  });

  it('finds it with a captcha token alone, and with a sale token alone', async () => {
    const { userId, headers } = await boughtUnheard();
    for (const header of [saleToken.header, captchaToken.header]) {
      await expectHisOrder(userId, { [header]: headers[header] ?? '' });
    }
  });

  it('finds it with proofs that have run out', async () => {
    const { userId } = await boughtUnheard();
    const binding = { userId, saleId };
    await expectHisOrder(userId, {
      [saleToken.header]: await mint(product, 'sale token', binding, -1),
      [captchaToken.header]: await mint(product, 'captcha token', binding, -1),
    });
  });

  it('is not asked for a proof while Redis lacks the sale that he bought of', async () => {
    const { userId } = await boughtUnheard();
    const { body } = await product.client.buy(saleId, userId, { key: 'key' });
    await product.client.inStatus(body.id, userId, 'pending_payment');
    const redis = product.get(StockRedis);
    const { meta, records } = redis.keys(saleId);
    // Lost at the last moment: recovery is quick.
    const lookup = jest.spyOn(product.get(StockReader), 'reservation')
      .mockImplementationOnce(async () => {
        await redis.connections.general.unlink(meta, records);
        return undefined;
      });
    expectProblem(await product.client.buy(saleId, userId, { key: 'key' }),
      'TEMPORARILY_UNAVAILABLE');
    lookup.mockRestore();
    expect(await product.client.buyInTheEnd(saleId, userId, { key: 'key' }))
      .toMatchObject({ status: 200, body: { id: body.id } });
  });

  it('finds it when he asks 200 times at once, with and without proofs', async () => {
    const { userId, headers } = await boughtUnheard();
    const answers = await times(200, (index) => product.client.buy(saleId, userId,
      { key: 'key', headers: index % 2 === 0 ? headers : {} }));
    expect(answers.filter(({ status }) => status >= 300)).toEqual([]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    await expectHisOrder(userId, {});
  });

  it('finds it after he has cancelled it, as what it is now', async () => {
    const { userId } = await boughtUnheard();
    const { body } = await product.client.buy(saleId, userId, { key: 'key' });
    await product.client.inStatus(body.id, userId, 'pending_payment');
    await product.client.cancel(body.id, userId);
    expect(await product.client.buy(saleId, userId, { key: 'key' }))
      .toMatchObject({ status: 200, body: { id: body.id, status: 'cancelled' } });
  });

  it('gets nothing else by it: neither another quantity nor another order', async () => {
    const { userId, headers } = await boughtUnheard();
    expectProblem(await product.client.buy(saleId, userId, { key: 'key', quantity: 2 }),
      'IDEMPOTENCY_KEY_REUSED');
    expectProblem(await product.client.buy(saleId, userId, { key: 'key', quantity: 2, headers }),
      'IDEMPOTENCY_KEY_REUSED');
    expectProblem(await product.client.buy(saleId, userId, { key: 'new-key', headers }),
      saleToken.code);
    expectProblem(await product.client.buy(saleId, 'somebody-else', { key: 'key', headers }),
      saleToken.code);
    expect(tally(await times(20, () => product.client.buy(saleId, userId, { key: 'newer' }))))
      .toEqual({ [saleToken.code]: 20 });
  });
});

it('a process that has just begun asks for the proofs of a sale that Redis has no part in', async () => {
  const installation = await createInstallation();
  const first = await TestProduct.start({}, installation);
  const saleId = await first.client.openSale(
    { strategy: 'database-row-lock', protection: saleToken.protection });
  const second = await TestProduct.start({}, installation);
  expectProblem(await second.client.buy(saleId, 'ann'), saleToken.code);
  await second.stop();
  await first.stop();
  await installation.drop();
});
