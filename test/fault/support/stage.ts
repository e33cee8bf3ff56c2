import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestClient } from '../../support/client';
import { FaultProxy } from '../../support/fault-proxy';
import { until } from '../../support/until';
import { checkHistory, type Violation } from '../history/check-history';
import { History } from '../history/history';
import { type Books, booksAtRest } from './books';
import { Deployment, type Roles } from './deployment';
import type { PrivateServers } from './private-servers';
import type { Random } from './random';
import { Shoppers } from './shoppers';
import { limitPerUser } from './shopping-plan';

const sizes = {
  short: { stock: 500, shoppersAtOnce: 12, pauseAtMostMs: 150, warmUp: 60, sellOutMs: 4_000,
    processes: ['api,worker', 'api,worker'] },
  small: { stock: 300, shoppersAtOnce: 6, pauseAtMostMs: 1_200, warmUp: 30, sellOutMs: 4_000,
    processes: ['api,worker', 'api,worker'] },
  full: { stock: 1_500, shoppersAtOnce: 24, pauseAtMostMs: 150, warmUp: 200, sellOutMs: 20_000,
    processes: ['api', 'api', 'worker', 'worker'] },
} as const;
type Scale = keyof typeof sizes;

/**
 * How much is played: `short` are a few faults, each a few seconds long, within `npm test`; `small` and
 * `full` are all of them at full length, with fewer shoppers and processes or with many.
 */
export const scale: Scale = Object.keys(sizes).find((name): name is Scale =>
  name === process.env.FAULT_SCALE) ?? 'short';
/** Whether every fault is played, and lasts as long as its row says. */
export const isWhole = scale !== 'short';
const size = sizes[scale];

const recoveryPatienceMs = 90_000;

/** How a stage differs from the usual one. */
export interface StageSettings {
  /** One process of each. */
  processes?: readonly Roles[];
  /** Variables of every process. */
  environment?: Readonly<Record<string, string>>;
  /** Changes of the sale, as in POST /admin/v1/sales. */
  sale?: object;
  /** Purchases that are accepted before the fault. */
  warmUp?: number;
  /** Redis really loses writes that it has acknowledged. */
  mayLose?: boolean;
  /** Who of all shoppers comes to the sale; without it everybody. */
  comes?: (saleId: string, userId: string) => boolean;
}

/** What a fault came to. */
export interface Outcome {
  violations: Violation[];
  /** Ids of acknowledged purchases that became no order. */
  lost: string[];
  /** From the end of the fault to the first accepted purchase; to the books at rest. */
  recoveryMs: number | undefined;
  balancedMs: number;
  /** Purchases. */
  acknowledged: number;
  refused: number;
  books: Books;
}

/** The whole product on servers of its own, behind proxies, with shoppers who are recorded. */
export class Stage {
  readonly history: History;
  readonly crowd: Shoppers;
  private readonly ways: FaultProxy[] = [];
  private healedMs: number | undefined;

  private constructor(
    readonly servers: PrivateServers,
    readonly redis: FaultProxy,
    readonly mariadb: FaultProxy,
    readonly deployment: Deployment,
    readonly saleId: string,
    readonly random: Random,
    private readonly mayLose: boolean,
    comes: (saleId: string, userId: string) => boolean,
  ) {
    this.history = new History(join(servers.folder, `history-${randomUUID()}.jsonl`));
    this.crowd = new Shoppers(deployment, saleId, this.history, random.sub('shoppers'),
      (userId) => comes(saleId, userId));
  }

  /** Starts everything; resolves when the sale sells and the shoppers are warm. */
  static async start(servers: PrivateServers, random: Random, {
    processes = size.processes, environment = {}, sale = {}, warmUp = size.warmUp, mayLose = false,
    comes = () => true,
  }: StageSettings): Promise<Stage> {
    const delays = random.sub('delays').next;
    const redis = await FaultProxy.start(servers.redisPort, delays);
    const mariadb = await FaultProxy.start(servers.databasePort, delays);
    const deployment = await Deployment.create(servers,
      { redisPort: redis.port, databasePort: mariadb.port, environment });
    try {
      const started = await Promise.all(processes.map((roles) => deployment.start({ roles })));
      const seller = started[processes.findIndex((roles) => roles !== 'worker')];
      if (!seller) throw new Error('A stage needs a process that sells');
      const saleId = await seller.client.openSale(
        { stock: size.stock, limitPerUser, payWindowSeconds: 600, ...sale });
      const stage = new Stage(servers, redis, mariadb, deployment, saleId, random, mayLose, comes);
      stage.crowd.start(size.shoppersAtOnce, size.pauseAtMostMs);
      await stage.crowd.acknowledge(warmUp);
      return stage;
    } catch (error) {
      await deployment.stop();
      throw error;
    }
  }

  /** Another way to a server of the stage, as long as the stage lasts. */
  async way(port: number): Promise<FaultProxy> {
    const way = await FaultProxy.start(port);
    this.ways.push(way);
    return way;
  }

  /** Of one of the processes that sell. */
  get client(): TestClient {
    return this.random.pick(this.deployment.processes('api')).client;
  }

  /** Does harm, and says so. */
  async inject(what: string, harm: () => unknown): Promise<void> {
    await harm();
    this.healedMs = undefined;
    this.say(what);
  }

  /** Takes the harm away: from its end on, recovery is measured. */
  async heal(remedy: () => unknown): Promise<void> {
    await remedy();
    this.healedMs = performance.now();
    this.say('healed');
  }

  /** Lets the fault last. */
  async pass(ms: number): Promise<void> {
    await sleep(ms);
  }

  /** Sells what is left, waits until nothing moves, and holds the history against the books. */
  async finish(): Promise<Outcome> {
    const healedMs = this.healedMs;
    if (healedMs === undefined) throw new Error('The fault has not been healed');
    const recoveryMs = await this.recover(healedMs);
    this.crowd.hold();
    await booksAtRest(this.deployment, this.saleId, this.mayLose);
    const balancedMs = performance.now() - healedMs;
    await this.sellOut();
    await this.crowd.finish();
    const books = await booksAtRest(this.deployment, this.saleId, this.mayLose);
    return { ...checkHistory(this.history.lines, books, { mayLose: this.mayLose }), books,
      recoveryMs, balancedMs, refused: this.crowd.refused };
  }

  async stop(): Promise<void> {
    await this.crowd.abandon();
    await this.deployment.stop();
    await Promise.all([this.redis, this.mariadb, ...this.ways].map((way) => way.stop()));
  }

  /** Until the first purchase is accepted, or refused because nothing is left: then undefined. */
  private async recover(healedMs: number): Promise<number | undefined> {
    const { accepted } = this.crowd;
    const soldOutBefore = this.crowd.refusals.get('SOLD_OUT') ?? 0;
    return until('purchases are accepted again', async () => {
      const first = accepted.find(({ atMs }) => atMs >= healedMs);
      if (first) return { ms: first.atMs - healedMs };
      const soldOut = this.crowd.refusals.get('SOLD_OUT') ?? 0;
      return soldOut > soldOutBefore && { ms: undefined };
    }, recoveryPatienceMs).then(({ ms }) => ms);
  }

  /** A stock that is too large for it is left over. */
  private async sellOut(): Promise<void> {
    this.crowd.rush();
    const before = this.crowd.refusals.get('SOLD_OUT') ?? 0;
    await until('the sale is sold out', async () =>
      (this.crowd.refusals.get('SOLD_OUT') ?? 0) > before, size.sellOutMs).catch(() => undefined);
  }

  private say(what: string): void {
    process.stdout.write(`  ${new Date().toISOString()} ${what}: ${
      this.crowd.acknowledged} purchases accepted\n`);
  }
}
