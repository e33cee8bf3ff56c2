import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Database } from '../../src/infra/database';
import { OfferSnapshots } from '../../src/reconciliation/offer-snapshots';
import { SaleCatalog, stockIdOf, stockIdsOf, type Sale } from '../../src/sale';
import { expectBooksToBalance } from './books';
import type { TestClient } from './client';
import type { TestProduct } from './product';

/** So long a buyer goes on pressing where he is told to come back. */
const patienceMs = 120_000;
/** Between two of his tries, the first and the longest: a crowd must not be what keeps a machine busy. */
const pausesMs = { first: 20, longest: 500 };

/** A sale in segments, and buyers of whom it is known which segment keeps them. */
export class SegmentedSale {
  private constructor(private readonly product: TestProduct, readonly sale: Sale) {}

  /** Open, three segments unless told otherwise. */
  static async open(product: TestProduct, changes: object = {}): Promise<SegmentedSale> {
    const id = await product.client.openSale({ segments: 3, ...changes });
    const sale = product.get(SaleCatalog).peek(id);
    if (!sale) throw new Error(`The sale ${id} is not live`);
    return new SegmentedSale(product, sale);
  }

  get id(): string {
    return this.sale.id;
  }

  get stockIds(): string[] {
    return stockIdsOf(this.sale);
  }

  /** Somebody new whom this segment keeps. */
  buyerOf(segment: number): string {
    for (;;) {
      const userId = randomUUID();
      if (stockIdOf(this.sale, userId) === this.stockIds[segment]) return userId;
    }
  }

  buyersOf(segment: number, count: number): string[] {
    return Array.from({ length: count }, () => this.buyerOf(segment));
  }

  /** Presses until the answer is no longer to come back, as a buyer's client does. */
  async press(userId: string, quantity = 1, client: TestClient = this.product.client) {
    const key = randomUUID();
    const deadline = performance.now() + patienceMs;
    for (let pauseMs = pausesMs.first; ; pauseMs = Math.min(2 * pauseMs, pausesMs.longest)) {
      const answer = await client.buy(this.id, userId, { quantity, key });
      if (answer.status !== 503 || performance.now() > deadline) return answer;
      await sleep(pauseMs);
    }
  }

  /** Units on sale, by segment. */
  async available(): Promise<number[]> {
    const { segments = [] } = await this.product.get(OfferSnapshots).of(this.id);
    return segments.map(({ redis }) => redis.available);
  }

  async loans(): Promise<{ status: string; units: number }[]> {
    return this.product.get(Database).query(
      'SELECT status, units FROM segment_loans WHERE sale_id = ? ORDER BY created_at', [this.id]);
  }

  /** Every segment by itself, and all together. Resolves to the sum. */
  async expectBooksToBalance(total: number) {
    for (const stockId of this.stockIds) await expectBooksToBalance(this.product, stockId);
    const stock = await this.product.client.atRest(this.id);
    expect(stock).toMatchObject({ total, lent: 0, consistent: true });
    return stock;
  }
}
