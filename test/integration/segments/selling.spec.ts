import { SegmentLoans, SoldOutSales, StockAdjustments, StockGate } from '../../../src/stock';
import { afterNext } from '../../support/after-next';
import { admin } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { createInstallation, TestProduct, type Installation } from '../../support/product';
import { SegmentedSale } from '../../support/segmented-sale';
import { until } from '../../support/until';

const reconciliation = { source: 'reconciliation', ip: '', traceId: '0'.repeat(32) };

jest.setTimeout(240_000);

describe('a sale in segments', () => {
  let installation: Installation;
  let product: TestProduct;
  let other: TestProduct;

  beforeAll(async () => {
    installation = await createInstallation();
    [product, other] = await Promise.all([TestProduct.start({}, installation),
      TestProduct.start({ ROLES: 'api' }, installation)]);
  });

  afterAll(async () => {
    await Promise.all([product.stop(), other.stop()]);
    await installation.drop();
  });

  it('sells exactly its stock to a crowd whom one segment keeps, on two processes', async () => {
    const sale = await SegmentedSale.open(product, { stock: 31 });
    const buyers = sale.buyersOf(1, 60);
    const answers = await Promise.all(buyers.map((userId, index) =>
      sale.press(userId, 1, [product, other][index % 2]?.client)));
    const codes = answers.map(({ status, body: { code } }) => code ?? status);
    expect(codes.filter((code) => code === 202)).toHaveLength(31);
    expect(codes.filter((code) => code === 'SOLD_OUT')).toHaveLength(29);
    expect(await sale.expectBooksToBalance(31))
      .toMatchObject({ redis: { available: 0 }, database: { allocated: 31 } });
  });

  it('sells exactly its stock to a crowd whom all segments keep', async () => {
    const sale = await SegmentedSale.open(product, { stock: 40, segments: 4 });
    const buyers = [0, 1, 2, 3].flatMap((segment) => sale.buyersOf(segment, 10 + 5 * segment));
    const answers = await Promise.all(buyers.map((userId) => sale.press(userId)));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(40);
    await sale.expectBooksToBalance(40);
  });

  it('sells more at once than any of its segments has', async () => {
    const sale = await SegmentedSale.open(product, { stock: 9, limitPerUser: 9 });
    expect((await sale.press(sale.buyerOf(0), 8)).status).toBe(202);
    expectProblem(await sale.press(sale.buyerOf(2), 2), 'SOLD_OUT');
    expect((await sale.press(sale.buyerOf(2), 1)).status).toBe(202);
    await sale.expectBooksToBalance(9);
  });

  it('is sold out only when no segment has anything, and not any more when a unit comes back', async () => {
    const { client } = product;
    const sale = await SegmentedSale.open(product, { stock: 3 });
    const [ann, bob] = [sale.buyerOf(0), sale.buyerOf(0)];
    const first = await client.order(sale.id, ann);
    for (const segment of [1, 2]) expect((await sale.press(sale.buyerOf(segment))).status).toBe(202);
    expectProblem(await sale.press(sale.buyerOf(2)), 'SOLD_OUT');
    await client.cancel(first.id, ann);
    expect((await sale.press(sale.buyerOf(2))).status).toBe(202);
    expectProblem(await sale.press(bob), 'SOLD_OUT');
    await sale.expectBooksToBalance(3);
  });

  it('keeps the limit of a buyer in one segment, and sells in no segment by its own id', async () => {
    const { client } = product;
    const sale = await SegmentedSale.open(product, { stock: 30, limitPerUser: 2 });
    const ann = sale.buyerOf(2);
    const answers = await Promise.all(Array.from({ length: 8 }, () => sale.press(ann)));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(2);
    for (const stockId of sale.stockIds) {
      expectProblem(await client.buy(stockId, ann), 'NOT_FOUND');
      expectProblem(await client.call('GET', `/v1/sales/${stockId}`), 'NOT_FOUND');
      expectProblem(await client.operate(stockId, 'pause'), 'NOT_FOUND');
    }
  });

  it('answers a key with the same order again, under the name of the sale', async () => {
    const { client } = product;
    const sale = await SegmentedSale.open(product, { stock: 3 });
    for (const segment of [0, 1]) await client.order(sale.id, sale.buyerOf(segment));
    const cid = sale.buyerOf(0); // his segment has nothing any more
    const order = await client.order(sale.id, cid, { key: 'cid-1' });
    expect(order.saleId).toBe(sale.id);
    const again = await client.buy(sale.id, cid, { key: 'cid-1' });
    expect(again).toMatchObject({ status: 200, body: { id: order.id, saleId: sale.id } });
    expect((await client.find(order.id, cid)).body.saleId).toBe(sale.id);
    await client.pay(order.id, cid);
    expect((await client.call('GET', `/v1/sales/${sale.id}/me`, { as: cid })).body).toMatchObject({
      state: 'sold_out', unitsHeld: 1, orders: [{ id: order.id, status: 'paid' }] });
  });

  it('is one sale to those who read it', async () => {
    const { client } = product;
    const sale = await SegmentedSale.open(product, { stock: 11, segments: 2 });
    const shown = await until('what is shown has a number', async () => {
      const { body } = await client.call<{ items: { id: string; available?: number }[] }>('GET', '/v1/sales');
      const found = body.items.filter(({ id }) => id.startsWith(sale.id));
      // It has none while Redis did not answer in time.
      return found.every(({ available }) => available !== undefined) && found;
    });
    expect(shown).toEqual([expect.objectContaining({ id: sale.id, available: 11 })]);
    const operators = await client.call<{ items: { id: string; segments: number }[] }>('GET',
      '/admin/v1/sales', { as: admin });
    expect(operators.body.items.filter(({ id }) => id.startsWith(sale.id)))
      .toEqual([expect.objectContaining({ id: sale.id, segments: 2 })]);
    const buyers = [sale.buyerOf(0), sale.buyerOf(1)];
    for (const userId of buyers) await client.order(sale.id, userId);
    const report = await client.call('GET', `/admin/v1/sales/${sale.id}/report`, { as: admin });
    expect(report.body).toMatchObject({ saleId: sale.id, orders: 2, ordersByStatus: { pending_payment: 2 } });
  });

  it('is paused, resumed and closed as a whole', async () => {
    const { client } = product;
    const sale = await SegmentedSale.open(product, { stock: 30 });
    const buyers = () => [0, 1, 2].map((segment) => sale.buyerOf(segment));
    const pressAll = async () => Promise.all(buyers().map((userId) => sale.press(userId)));
    await client.operate(sale.id, 'pause');
    // Who presses on would do so until the sale is resumed.
    const paused = await Promise.all(buyers().map((userId) => client.buy(sale.id, userId)));
    for (const answer of paused) expectProblem(answer, 'SALE_PAUSED');
    await client.operate(sale.id, 'resume');
    for (const { status } of await pressAll()) expect(status).toBe(202);
    await client.operate(sale.id, 'close');
    for (const answer of await pressAll()) expectProblem(answer, 'SALE_CLOSED');
  });

  it('gets more units, and gives back what all of its segments have, once per key', async () => {
    const { client } = product;
    const sale = await SegmentedSale.open(product, { stock: 9 });
    for (const key of ['more', 'more']) expect((await client.adjust(sale.id, 6, key)).status).toBe(200);
    expect((await client.stock(sale.id)).total).toBe(15);
    expectProblem(await client.adjust(sale.id, -16), 'SOLD_OUT');
    for (const key of ['less', 'less']) {
      expect((await client.adjust(sale.id, -14, key)).status).toBe(200);
    }
    expect(await sale.expectBooksToBalance(1)).toMatchObject({ redis: { available: 1 } });
  });

  it('gives back units that a buyer took from the others meanwhile, when asked once more', async () => {
    const { client } = product;
    const sale = await SegmentedSale.open(product, { stock: 10, segments: 2 });
    afterNext(product.get(SegmentLoans), 'gather', () => true,
      () => client.order(sale.id, sale.buyerOf(0)));
    expectProblem(await client.adjust(sale.id, -8, 'less'), 'TEMPORARILY_UNAVAILABLE');
    // A reconciliation meanwhile sees one segment by itself, and decides nothing.
    const [first = ''] = sale.stockIds;
    expect(await product.get(StockAdjustments).finishAll(first, reconciliation)).toEqual([]);
    expect((await client.adjust(sale.id, -8, 'less')).status).toBe(200);
    expect(await sale.expectBooksToBalance(2)).toMatchObject({ redis: { available: 1 } });
    for (const key of ['too-many', 'too-many']) {
      expectProblem(await client.adjust(sale.id, -2, key), 'SOLD_OUT');
    }
  });

  it('is refused from memory only when memory knows all segments to be sold out', async () => {
    const { client } = product;
    const sale = await SegmentedSale.open(product, { stock: 2, segments: 2 });
    const memory = product.get(SoldOutSales);
    const ann = sale.buyerOf(0);
    const order = await client.order(sale.id, ann);
    await client.order(sale.id, sale.buyerOf(1));
    const asks = jest.spyOn(product.get(StockGate), 'reserve');
    await until('memory knows both, and refuses without a question to Redis', async () => {
      await Promise.all([0, 1].flatMap((segment) => sale.buyersOf(segment, 30))
        .map((userId) => sale.press(userId)));
      if (!sale.stockIds.every((id) => memory.isSoldOut(id))) return false;
      asks.mockClear();
      expectProblem(await client.buy(sale.id, sale.buyerOf(0)), 'SOLD_OUT');
      // What memory knows ends after 250 ms, and a stall may take longer.
      return asks.mock.calls.length === 0;
    }, 45_000);
    asks.mockRestore();
    await client.cancel(order.id, ann);
    await until('the unit that came back is sold in the other segment', async () =>
      (await client.buy(sale.id, sale.buyerOf(1))).status === 202, 45_000);
    await sale.expectBooksToBalance(2);
  });

  it.each([
    ['another strategy', { strategy: 'tokens' }], ['more than it has units', { stock: 2 }],
    ['too many', { segments: 65, stock: 100 }],
  ])('cannot be made: %s', async (_, changes) => {
    await expect(product.client.draftSale({ segments: 3, ...changes })).rejects
      .toThrow(/VALIDATION_FAILED.*segments/s);
  });
});
