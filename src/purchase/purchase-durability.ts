import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { APP_CONFIG, type AppConfig } from '../config';
import { Metrics } from '../infra/metrics';
import { ReplicaWait } from '../infra/redis';
import { TemporarilyUnavailable } from '../kernel';
import { OrderLife, type Order } from '../order';
import { StockRedis } from '../stock';

/** With `commit`, a row that takes longer is looked for by the next request with that key. */
const commitWaitSeconds = 10;

/** When a purchase whose units are held may be acknowledged, by the scheme that DURABILITY names. */
@Injectable()
export class PurchaseDurability {
  private readonly replicas: ReplicaWait | undefined;

  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    private readonly redis: StockRedis,
    private readonly life: OrderLife,
    private readonly metrics: Metrics,
  ) {
    if (config.durability === 'replica') {
      this.replicas = new ReplicaWait(redis.connections,
        `${config.redisNamespace}:replica-mark`, config.durabilityReplicas);
    }
  }

  /** Whether buyers hear of a purchase only when its row is there (201), whatever they prefer. */
  get isCommitted(): boolean {
    return this.config.durability === 'commit';
  }

  /**
   * Waits until these held units may be acknowledged. Resolves to the order where its row was
   * waited for, and to undefined where the answer is 202. `waitSeconds` is that of `Prefer: wait`.
   * Throws TEMPORARILY_UNAVAILABLE when they are not kept in time: they stay held, become an order
   * all the same, and the same request finds it.
   */
  async secure(saleId: string, rid: string, waitSeconds: number): Promise<Order | undefined> {
    if (this.isCommitted) return this.measured(() => this.findRow(saleId, rid, commitWaitSeconds));
    const row = waitSeconds > 0 ? await this.findRow(saleId, rid, waitSeconds) : undefined;
    const { replicas } = this;
    if (!row && replicas) {
      await this.measured(() => replicas.isKept(this.redis.keys(saleId).records, rid));
    }
    return row;
  }

  /** The database may hang: it is not waited for any longer than the buyer is. */
  private async findRow(saleId: string, rid: string,
    waitSeconds: number): Promise<Order | undefined> {
    const deadline = new AbortController();
    const { signal } = deadline;
    try {
      return await Promise.race([this.life.waitForRow(saleId, rid, waitSeconds * 1_000),
        sleep(waitSeconds * 1_000, undefined, { signal })]);
    } catch {
      return undefined; // the units are held all the same
    } finally {
      deadline.abort();
    }
  }

  /** Throws when what it waits for does not come. */
  private async measured<Result>(wait: () => Promise<Result | undefined>): Promise<Result> {
    const scheme = this.config.durability;
    const endTimer = this.metrics.durabilityWaitSeconds.startTimer({ scheme });
    const result = await wait().catch(() => undefined);
    endTimer();
    if (result) return result;
    this.metrics.durabilityFailuresTotal.inc({ scheme });
    throw new TemporarilyUnavailable(
      'Your units are held, but not yet safe. Ask again with the same Idempotency-Key.');
  }
}
