import type { Answer } from '../support/client';
import { expectBooksToBalance } from '../support/books';
import { TestProduct } from '../support/product';
import { whileWatched } from '../support/watch';
import type { OrderView } from '../../src/order';

const buyerCount = 3_000;
const stock = 100;
const atOnce = 100;

/** What one buyer was answered to his presses, in their sequence. */
type Presses = Answer<OrderView>[];

describe('3,000 buyers and 100 units', () => {
  let product: TestProduct;

  beforeAll(async () => { product = await TestProduct.start(); });
  afterAll(() => product.stop());

  /**
   * Presses twice with one key, at once or one after the other, then again with a new key; and comes
   * back when he is told to.
   */
  async function press(saleId: string, index: number): Promise<Presses> {
    const userId = `buyer-${index}`;
    const press = (key: string) => product.client.buyInTheEnd(saleId, userId, { key });
    const repeated = index % 2 === 0 ? await Promise.all([press('first'), press('first')])
      : [await press('first'), await press('first')];
    return [...repeated, await press('second')];
  }

  it('makes exactly 100 orders and tells everybody else why there is none', async () => {
    const { client } = product;
    const saleId = await client.openSale({ stock });
    const answers = await whileWatched(product, saleId, () =>
      inParallel(buyerCount, atOnce, (index) => press(saleId, index)));

    const winners = answers.filter((presses) => presses.some(isAccepted));
    expect(winners).toHaveLength(stock);
    for (const [first, again, other] of winners) {
      expect(first && again && isAccepted(first) && isAccepted(again)).toBe(true);
      expect(again?.body.id).toBe(first?.body.id);
      expect(['LIMIT_EXCEEDED', 'SOLD_OUT']).toContain(other?.body.code);
    }
    const losers = answers.filter((presses) => !presses.some(isAccepted));
    for (const { status, body } of losers.flat()) {
      expect([status, body.code]).toEqual([409, 'SOLD_OUT']);
    }

    const { orders, ledger } = await expectBooksToBalance(product, saleId);
    expect(orders.map(({ id }) => id).sort())
      .toEqual(winners.map(([first]) => first?.body.id).sort());
    expect(new Set(orders.map(({ userId }) => userId)).size).toBe(stock);
    expect(ledger).toHaveLength(1 + stock);
    expect(await client.stock(saleId)).toMatchObject({ drift: 0, total: stock,
      redis: { available: 0, reserved: 0, ordered: stock, sold: 0 },
      database: { allocated: stock, pendingPayment: stock, paid: 0 } });
  }, 300_000);
});

function isAccepted({ status }: Answer<unknown>): boolean {
  return status === 202 || status === 200;
}

/** Runs `act` for 0 … count - 1, so many at a time. Resolves to the results in their order. */
async function inParallel<Result>(count: number, width: number,
  act: (index: number) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  await Promise.all(Array.from({ length: width }, async () => {
    for (let index = next++; index < count; index = next++) results[index] = await act(index);
  }));
  return results;
}
