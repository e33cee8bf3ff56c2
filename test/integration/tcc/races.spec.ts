import { Database } from '../../../src/infra/database';
import { OrderLife, OrderStore } from '../../../src/order';
import { SaleEpochs, StockGate, StockReader } from '../../../src/stock';
import { afterNext } from '../../support/after-next';
import { expectBooksToBalance, readBooks } from '../../support/books';
import { expectProblem } from '../../support/expect-problem';
import { createInstallation, TestProduct } from '../../support/product';
import { TestService } from '../../support/service';
import { until } from '../../support/until';
import { whileWatched } from '../../support/watch';

jest.setTimeout(120_000);

/** So many, of a user each; they are held. */
function tryMany(service: TestService, saleId: string, count: number) {
  return Promise.all(Array.from({ length: count }, (_, index) =>
    service.tried(saleId, { userId: `user-${index}` })));
}

describe('services that reserve at the same moment', () => {
  let product: TestProduct;
  let shop: TestService;

  beforeAll(async () => {
    product = await TestProduct.start();
    shop = new TestService(product.client, 'shop');
  });
  afterAll(() => product.stop());

  const available = async (saleId: string) =>
    (await product.get(StockReader).audit(saleId)).available;

  it('get exactly the stock: 200 tries of two services for 50 units', async () => {
    const saleId = await product.client.openSale({ stock: 50 });
    const other = new TestService(product.client, 'other');
    const answers = await whileWatched(product, saleId, () =>
      Promise.all(Array.from({ length: 200 }, (_, index) =>
        (index % 2 === 0 ? shop : other).answerTo(saleId, { userId: `user-${index}` }))));
    const tried = answers.filter(({ status }) => status === 201);
    expect(tried).toHaveLength(50);
    expect(new Set(tried.map(({ body }) => body.id)).size).toBe(50);
    expect(answers.filter(({ body }) => body.code === 'SOLD_OUT')).toHaveLength(150);
    const { stock } = await expectBooksToBalance(product, saleId);
    expect(stock.allocated).toBe(50);
  });

  it('give one user no more than the limit, through whichever of them he comes', async () => {
    const saleId = await product.client.openSale({ stock: 50, limitPerUser: 2 });
    const other = new TestService(product.client, 'other');
    const answers = await Promise.all(Array.from({ length: 15 }, (_, index) => [
      shop.answerTo(saleId, { userId: 'ann' }),
      other.answerTo(saleId, { userId: 'ann', key: `k${index}` }),
      product.client.buy(saleId, 'ann')]).flat());
    expect(answers.filter(({ status }) => status === 201 || status === 202)).toHaveLength(2);
    expect(answers.filter(({ body }) => body.code === 'LIMIT_EXCEEDED')).toHaveLength(43);
    await expectBooksToBalance(product, saleId);
  });

  it('a cancel that comes before its Try wins: the Try holds nothing', async () => {
    const saleId = await product.client.openSale();
    const request = { userId: 'ann', key: 'late', quantity: 1 };
    const cancelled = await shop.byKey(saleId, 'cancel', request);
    expect([cancelled.status, cancelled.body]).toMatchObject([200,
      { userId: 'ann', quantity: 1, status: 'cancelled', reason: 'CANCELLED_BY_SERVICE' }]);
    const reserve = jest.spyOn(product.get(StockGate), 'reserve');
    expectProblem(await shop.try(saleId, request), 'ORDER_STATE_CONFLICT');
    expect(reserve).not.toHaveBeenCalled();
    reserve.mockRestore();
    expectProblem(await shop.byKey(saleId, 'confirm', request), 'ORDER_STATE_CONFLICT');
    expect((await shop.byKey(saleId, 'cancel', request)).body).toEqual(cancelled.body);
    expect(await available(saleId)).toBe(10);
    expect((await shop.answerTo(saleId, { userId: 'ann' })).status).toBe(201);
  });

  it('a cancel that meets its Try on the way wins: what the Try holds comes back', async () => {
    const saleId = await product.client.openSale();
    const request = { userId: 'ann', key: 'on-its-way', quantity: 1 };
    let cancelled: number | undefined;
    // Behind the look of the Try, before its reserve.
    afterNext(product.get(OrderStore), 'find', () => true, async () => {
      cancelled = (await shop.byKey(saleId, 'cancel', request)).status;
    });
    expectProblem(await shop.try(saleId, request), 'ORDER_STATE_CONFLICT');
    expect(cancelled).toBe(200);
    const { stock } = await expectBooksToBalance(product, saleId);
    expect([stock.allocated, await available(saleId)]).toEqual([0, 10]);
  });

  it('a cancel and a Try of any timing leave nothing behind', async () => {
    const saleId = await product.client.openSale({ stock: 40 });
    const results = await whileWatched(product, saleId, () =>
      Promise.all(Array.from({ length: 40 }, async (_, index) => {
        const request = { userId: `user-${index}`, key: 'race', quantity: 1 };
        const acts = [() => shop.answerTo(saleId, request),
          () => shop.byKey(saleId, 'cancel', request)];
        if (index % 2 === 1) acts.reverse();
        const answers = await Promise.all(acts.map((act) => act()));
        return index % 2 === 1 ? answers.reverse() : answers;
      })));
    for (const [tried, cancelled] of results) {
      expect(cancelled?.status).toBe(200);
      expect([201, 409]).toContain(tried?.status);
    }
    await product.client.atRest(saleId);
    const { stock, orders } = await readBooks(product, saleId);
    expect(stock.allocated).toBe(0);
    expect(new Set(orders.map(({ status }) => status))).toEqual(new Set(['cancelled']));
    expect(await available(saleId)).toBe(40);
  });

  it('one of confirm and expiry wins each reservation, and the answer says which', async () => {
    const saleId = await product.client.openSale({ stock: 30 });
    const tried = await tryMany(shop, saleId, 30);
    await product.get(Database).execute(
      'UPDATE orders SET expires_at = NOW(3) + INTERVAL 40000 MICROSECOND WHERE sale_id = ?', [saleId]);
    let isOver = false;
    const expiring = (async () => {
      while (!isOver) await product.get(OrderLife).expire(saleId);
    })();
    const answers = await Promise.all(tried.map(({ id }) => shop.end(id, 'confirm')));
    const ended = new Map((await Promise.all(tried.map(({ id }) => shop.end(id, 'cancel'))))
      .map((answer, index) => [tried[index]?.id, answer]));
    isOver = true;
    await expiring;
    tried.forEach(({ id }, index) => {
      const isConfirmed = answers[index]?.status === 200;
      if (!isConfirmed) expect(answers[index]?.body.code).toBe('PAYMENT_TOO_LATE');
      expect(ended.get(id)?.status).toBe(isConfirmed ? 409 : 200);
    });
    const { stock } = await expectBooksToBalance(product, saleId);
    expect(stock.allocated).toBe(answers.filter(({ status }) => status === 200).length);
  });

  it('one of confirm and cancel wins each reservation', async () => {
    const saleId = await product.client.openSale({ stock: 30 });
    const tried = await tryMany(shop, saleId, 30);
    const ends = await Promise.all(tried.map(async ({ id }, index) => {
      const calls = index % 2 === 0 ? ['confirm', 'cancel'] as const : ['cancel', 'confirm'] as const;
      return Promise.all(calls.map((call) => shop.end(id, call)));
    }));
    for (const answers of ends) {
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    }
    await expectBooksToBalance(product, saleId);
  });

  it('cannot confirm what a reviewer has frozen, and can give it up', async () => {
    const saleId = await product.client.openSale();
    const request = { userId: 'ann', key: 'frozen' };
    const { body: { id } } = await shop.answerTo(saleId, request);
    await product.get(OrderLife).freeze(saleId, [id],
      { source: 'test', ip: '', traceId: 'a'.repeat(32) });
    expectProblem(await shop.end(id, 'confirm'), 'ORDER_STATE_CONFLICT');
    expectProblem(await shop.try(saleId, request), 'ORDER_STATE_CONFLICT');
    expect((await shop.find(id)).body.status).toBe('frozen');
    expect((await shop.end(id, 'cancel')).body.status).toBe('cancelled');
    await expectBooksToBalance(product, saleId);
  });

  it('try, confirm and cancel where the database is the gate', async () => {
    // No worker leads the sale back to Redis, which is there all the time.
    const alone = await TestProduct.start({ ROLES: 'api' });
    try {
      const service = new TestService(alone.client, 'shop');
      const saleId = await alone.client.openSale({ stock: 2 });
      await alone.get(Database).execute(
        "UPDATE sale_stock SET gate = 'database', epoch = epoch + 1 WHERE sale_id = ?", [saleId]);
      expect(await alone.get(SaleEpochs).now(saleId)).toMatchObject({ gate: 'database' });
      const early = { userId: 'eve', key: 'early' };
      expect((await service.byKey(saleId, 'cancel', early)).status).toBe(200);
      expectProblem(await service.try(saleId, early), 'ORDER_STATE_CONFLICT');
      const answers = await Promise.all(['ann', 'bob', 'cyd'].map((userId) =>
        service.answerTo(saleId, { userId, key: 'k', timeLimitSeconds: 60 })));
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 409]);
      const [first, second] = answers.filter(({ status }) => status === 201);
      expect((await service.end(first?.body.id ?? '', 'confirm')).status).toBe(200);
      expect((await service.end(second?.body.id ?? '', 'cancel')).status).toBe(200);
      const { stock } = await readBooks(alone, saleId);
      expect(stock.allocated).toBe(1);
    } finally {
      await alone.stop();
    }
  });
});

describe('a Try whose order is not written in time', () => {
  it('is told to ask again, and then finds what became of it', async () => {
    const installation = await createInstallation();
    const front = await TestProduct.start({ ROLES: 'api' }, installation);
    let worker: TestProduct | undefined;
    try {
      const shop = new TestService(front.client, 'shop');
      const saleId = await front.client.openSale();
      const request = { userId: 'ann', key: 'slow' };
      const given = { userId: 'bob', key: 'given-up' };
      const [slow, lost] = await Promise.all([shop.try(saleId, request), shop.try(saleId, given)]);
      expectProblem(slow, 'TEMPORARILY_UNAVAILABLE');
      expectProblem(lost, 'TEMPORARILY_UNAVAILABLE');
      expect((await shop.byKey(saleId, 'cancel', given)).body.status).toBe('cancelled');
      worker = await TestProduct.start({}, installation);
      const answer = await until('the row is written', async () => {
        const again = await shop.try(saleId, request);
        return again.status === 201 && again;
      }, 60_000);
      expect(answer.body).toMatchObject({ userId: 'ann', status: 'tried' });
      const { stock } = await expectBooksToBalance(front, saleId);
      expect(stock.allocated).toBe(1);
    } finally {
      await worker?.stop();
      await front.stop();
      await installation.drop();
    }
  });
});
