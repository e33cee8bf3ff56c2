import { setTimeout as sleep } from 'node:timers/promises';
import { TestClient } from '../../support/client';
import type { ProductProcess } from '../../support/product-process';
import { until } from '../../support/until';
import type { Heard, History, HistoryLine, Question } from '../history/history';
import type { Deployment } from './deployment';
import type { Random } from './random';
import { planOf, type Plan } from './shopping-plan';

const answerPatienceMs = 3_000;
const paymentReads = 100;
const turnMs = 20;

/** A purchase that the product said yes to for the first time. */
interface Acceptance {
  rid: string;
  atMs: number;
}

interface Shopper {
  userId: string;
  plan: Plan;
  random: Random;
}

/**
 * Shoppers who come to whatever process answers, each with one key, buy, look, pay and cancel. Who
 * gets no answer, or is told to come back, asks again. All that they ask and hear is recorded.
 */
export class Shoppers {
  readonly accepted: Acceptance[] = [];
  /** Purchases that were refused, by code. */
  readonly refusals = new Map<string, number>();
  /** Purchases that were sent, whatever was heard. */
  sent = 0;
  private readonly known = new Set<string>();
  private readonly clients = new Map<ProductProcess, TestClient>();
  private readonly busy = new Set<Promise<void>>();
  private count = 0;
  private state: 'strolling' | 'waiting' | 'rushing' | 'finishing' | 'abandoned' = 'strolling';

  constructor(
    private readonly deployment: Deployment,
    private readonly saleId: string,
    private readonly history: History,
    private readonly random: Random,
    /** Who does not come is nobody's customer. */
    private readonly comes: (userId: string) => boolean = () => true,
  ) {}

  /** So many at a time, one after the other, until `finish`; each takes his time before he buys. */
  start(atOnce: number, pauseAtMostMs: number): void {
    for (let index = 0; index < atOnce; index += 1) this.follow(this.comeAndGo(pauseAtMostMs));
  }

  get acknowledged(): number {
    return this.accepted.length;
  }

  get refused(): number {
    return [...this.refusals.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Waits until so many more purchases have been accepted. */
  async acknowledge(count: number, timeoutMs = 60_000): Promise<void> {
    const goal = this.acknowledged + count;
    await until(`${count} more purchases are accepted`, async () => this.acknowledged >= goal,
      timeoutMs);
  }

  /** Waits until so many more purchases have been sent. */
  async tried(count: number, timeoutMs = 60_000): Promise<void> {
    const goal = this.sent + count;
    await until(`${count} more purchases are sent`, async () => this.sent >= goal, timeoutMs);
  }

  /** Nobody new comes until they rush. */
  hold(): void {
    this.state = 'waiting';
  }

  /** From now on nobody strolls: the next one comes as soon as there is room. */
  rush(): void {
    this.state = 'rushing';
  }

  /** Lets nobody new in; those who are there have so long to be done with what they began. */
  async finish(patienceMs = 30_000): Promise<void> {
    this.state = 'finishing';
    await until('all shoppers are done', async () => this.busy.size === 0, patienceMs)
      .catch(() => undefined); // some processes never answer
    await this.abandon();
  }

  /** Sends everybody home. */
  async abandon(): Promise<void> {
    this.state = 'abandoned';
    await Promise.all(this.busy);
    for (const client of this.clients.values()) client.close();
    this.clients.clear();
  }

  private follow(work: Promise<void>): void {
    const kept = work.finally(() => this.busy.delete(kept));
    this.busy.add(kept);
  }

  private async comeAndGo(pauseAtMostMs: number): Promise<void> {
    while (this.state !== 'finishing' && this.state !== 'abandoned') {
      if (this.state === 'waiting') {
        await sleep(turnMs);
        continue;
      }
      const userId = this.next();
      const random = this.random.sub(userId);
      const shopper = { userId, random, plan: planOf(random, pauseAtMostMs) };
      if (this.state === 'strolling') await sleep(shopper.plan.pauseMs);
      const rid = await this.buy(shopper);
      // What he does with his order does not keep the next one waiting.
      if (rid !== undefined) this.follow(this.live(shopper, rid));
    }
  }

  private next(): string {
    for (;;) {
      this.count += 1;
      const userId = `shopper-${this.count}`;
      if (this.comes(userId)) return userId;
    }
  }

  /** Resolves to the id of his order, if he gets one. */
  private async buy(shopper: Shopper): Promise<string | undefined> {
    const { userId, plan: { quantity, waitsSeconds, asksTwice } } = shopper;
    const headers = { prefer: waitsSeconds > 0 ? `wait=${waitsSeconds}` : 'respond-async' };
    const ask = () => this.ask(shopper, 'buy', (client) => {
      this.sent += 1;
      return client.buy(this.saleId, userId, { quantity, key: keyOf(userId), headers });
    });
    const [line] = await Promise.all(asksTwice ? [ask(), ask()] : [ask()]);
    if (line?.answer === 'ok' && line.rid !== undefined) {
      if (line.orderStatus === 'rejected') return undefined;
      if (!this.known.has(line.rid)) this.accepted.push({ rid: line.rid, atMs: line.answeredMs });
      this.known.add(line.rid);
      return line.rid;
    }
    const code = line?.code ?? 'unanswered';
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
    return undefined;
  }

  private async live(shopper: Shopper, rid: string): Promise<void> {
    const { plan, random } = shopper;
    await this.read(shopper, rid);
    if (plan.asksAgain) await this.buy(shopper);
    await sleep(plan.lookMs);
    const pay = () => this.pay(shopper, rid);
    const cancel = () => this.ask(shopper, 'cancel',
      (client) => client.cancel(rid, shopper.userId), rid);
    switch (plan.ending) {
      case 'pays': await pay(); break;
      case 'cancels': await cancel(); break;
      case 'pays and cancels':
        await this.untilPayable(shopper, rid);
        await Promise.all(random.chance(0.5) ? [pay(), cancel()] : [cancel(), pay()]);
        break;
      case 'is spied on': await this.read({ ...shopper, userId: 'spy' }, rid); break;
      case 'leaves': break;
    }
    await this.read(shopper, rid);
  }

  private read(shopper: Shopper, rid: string): Promise<HistoryLine | undefined> {
    return this.ask(shopper, 'read', (client) => client.find(rid, shopper.userId), rid);
  }

  private async untilPayable(shopper: Shopper, rid: string): Promise<void> {
    for (let reads = 0; reads < paymentReads && this.state !== 'abandoned'; reads += 1) {
      const line = await this.read(shopper, rid);
      if (line?.orderStatus !== 'reserved') return;
      await sleep(shopper.random.integer(50, 500));
    }
  }

  /** Pays, and lets the provider report it as often as it takes. */
  private async pay(shopper: Shopper, rid: string): Promise<void> {
    const { userId } = shopper;
    await this.untilPayable(shopper, rid);
    await this.ask(shopper, 'pay', async (client) => {
      const { status, body, ...started } = await client.startPayment(rid, userId);
      if (status !== 201) return { ...started, status, body: { code: body.code } };
      const { body: told, ...report } = await client.report('payment.succeeded',
        { orderId: rid, paymentId: body.paymentId, ...body.amount }, `msg_${rid}`);
      return { ...report, body: { code: told.code } };
    }, rid);
  }

  /** Asks until somebody answers; undefined when the test was over before. */
  private async ask({ userId, plan, random }: Shopper, operation: Question['operation'],
    send: (client: TestClient) => Promise<Heard>, rid?: string): Promise<HistoryLine | undefined> {
    for (let attempt = 1; this.state !== 'abandoned'; attempt += 1) {
      const processes = this.deployment.processes('api');
      if (processes.length > 0) {
        const process = random.pick(processes);
        const line = await this.history.record({ process: process.url, client: userId, operation,
          ...(rid !== undefined && { rid }), key: keyOf(userId), userId, saleId: this.saleId,
          quantity: plan.quantity }, () => send(this.clientOf(process)));
        if (line.answer !== 'unknown') return line;
      }
      // Soon at first, then about once a second, as Retry-After asks.
      await sleep(random.integer(20, 60) * Math.min(attempt, 25));
    }
    return undefined;
  }

  private clientOf(process: ProductProcess): TestClient {
    const client = this.clients.get(process)
      ?? new TestClient(process.url, this.deployment.config, answerPatienceMs);
    this.clients.set(process, client);
    return client;
  }
}

function keyOf(userId: string): string {
  return `key-of-${userId}`;
}
