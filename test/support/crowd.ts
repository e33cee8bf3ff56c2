import { setTimeout as sleep } from 'node:timers/promises';
import type { TestClient } from './client';
import { until } from './until';

/** A purchase that the product said yes to. */
export interface Acknowledged {
  orderId: string;
  userId: string;
  key: string;
}

const pauseMs = 50;
const patienceMs = 90_000;

/**
 * Buyers with one unit and one key each, some at a time. Who gets no answer, or is told to come
 * back, asks again with the same key. What was acknowledged is remembered: it must become an order.
 */
export class Crowd {
  readonly acknowledged: Acknowledged[] = [];
  /** How many were refused, by code. */
  readonly refusals = new Map<string, number>();
  private buyers = 0;
  private state: 'coming' | 'finishing' | 'abandoned' = 'coming';
  private running: Promise<void>[] = [];

  constructor(
    private readonly clients: () => readonly TestClient[],
    private readonly saleId: string,
  ) {}

  /** So many buyers at a time, one after the other, until `finish`. */
  start(atOnce = 12): void {
    this.running = Array.from({ length: atOnce }, async () => {
      while (this.state === 'coming') await this.buy();
    });
  }

  /** Exactly so many buyers, all at once. */
  async press(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.buy()));
  }

  /** Waits until so many more purchases have been acknowledged. */
  async acknowledge(count: number): Promise<void> {
    const goal = this.acknowledged.length + count;
    await until(`${count} more purchases are acknowledged`,
      async () => this.acknowledged.length >= goal, patienceMs);
  }

  /** Waits until buyers are told that nothing is left. */
  async sellOut(): Promise<void> {
    await until('the sale is sold out', async () => this.refusals.has('SOLD_OUT'),
      patienceMs);
  }

  /** Lets no new buyer in; those who wait for an answer ask until they have one. */
  async finish(): Promise<void> {
    this.state = 'finishing';
    await Promise.all(this.running);
  }

  /** Sends everybody home: the test is over. */
  abandon(): void {
    this.state = 'abandoned';
  }

  /** All who were acknowledged ask again with their keys. Resolves to the ids that they get. */
  async askAgain(): Promise<string[]> {
    return Promise.all(this.acknowledged.map(async ({ userId, key }) =>
      (await this.ask(userId, key)).body.id));
  }

  private async buy(): Promise<void> {
    this.buyers += 1;
    const userId = `buyer-${this.buyers}`;
    const key = `key-of-${userId}`;
    const { status, body } = await this.ask(userId, key);
    if (status < 300) this.acknowledged.push({ orderId: body.id, userId, key });
    else if (status > 0) {
      const code = body.code ?? String(status);
      this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
    }
  }

  /** Asks until there is an answer; status 0 when the test was over before. */
  private async ask(userId: string, key: string) {
    for (let attempt = 0; this.state !== 'abandoned'; attempt += 1) {
      const clients = this.clients();
      const answer = await clients[attempt % clients.length]?.buy(this.saleId, userId, { key })
        .catch(() => undefined); // the process or the connection broke
      if (answer && answer.status !== 503) return answer;
      await sleep(pauseMs);
    }
    return { status: 0, body: { id: '', code: undefined } };
  }
}
