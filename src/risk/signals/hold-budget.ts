import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { markOf, ServerClock, type RedisClient } from '../../infra/redis';
import { isOfService, OrderFollowup, type Order } from '../../order';
import { RiskRedis } from './risk-redis';
import { dayMs } from './sliding-window';
import type { HoldSubject, PurchaseSubject } from './subject';

const rememberedAtMost = 100;
/** Reasons of orders that ended in a review, by what reviewers decided and not by what the buyer did. */
const endedByReview: ReadonlySet<string> =
  new Set(['UNITS_GONE', 'LIMIT_EXCEEDED', 'BANNED', 'CANCELLED_IN_REVIEW']);

/**
 * Places among the unpaid orders of a user and of a device: claimed by the script that counts an
 * attempt, given back here. Nothing here rejects: a place that is not given back ends by itself
 * with the time to pay.
 */
@Injectable()
export class HoldBudget implements OnModuleInit {
  private readonly logger = new Logger('HoldBudget');
  private isFailing = false;

  constructor(
    private readonly redis: RiskRedis,
    private readonly followup: OrderFollowup,
    private readonly clock: ServerClock,
  ) {}

  onModuleInit(): void {
    this.followup.onDecided((orders) => { void this.decided(orders); });
  }

  /** The attempt did not hold units. */
  async release({ userId, deviceId, rid }: HoldSubject): Promise<void> {
    const keys = this.keysOf(userId, deviceId);
    await this.attempt('place of an attempt not given back', () => this.redis.isCluster
      ? Promise.all(keys.map((key) => this.redis.run('release-hold', [key], [rid])))
      : this.redis.run('release-hold', keys, [rid]));
  }

  /** The attempt holds units: keeps its place, and counts it as a purchase if `counts`. */
  async keep({ identity, deviceId, rid, sale, quantity }: PurchaseSubject,
    counts: boolean): Promise<void> {
    const { userId } = identity;
    const { amount, currency } = sale.price;
    const purchase = [counts ? 1 : 0, rid, currency, amount * quantity];
    const [ofUser = '', ...ofDevice] = this.keysOf(userId, deviceId);
    const keys = [this.redis.user(userId), ofUser];
    await this.attempt('purchase not counted', () => this.redis.isCluster
      ? Promise.all([this.redis.run('record-purchase', keys, purchase),
        ...ofDevice.map((holds) => this.redis.run('keep-hold', [holds], [rid]))])
      : this.redis.run('record-purchase', [...keys, ...ofDevice], purchase));
  }

  /** What the database has decided, told as often as it likes: the rows carry what is written. */
  async decided(orders: readonly Order[]): Promise<void> {
    const final = orders.filter(({ status }) => status !== 'pending_payment');
    if (final.length === 0) return;
    // One write: the connection gathers what one turn of the event loop asks.
    await this.attempt('decided orders not counted', () => this.redis.ask((connection) =>
      Promise.all(final.flatMap((order) => this.follow(order, connection)))));
  }

  private follow({ id, userId, deviceId, status, reason, closedAt }: Order,
    connection: RedisClient): Promise<unknown>[] {
    const given = this.keysOf(userId, deviceId).map((holds) => connection.zrem(holds, id));
    if (status !== 'expired' && status !== 'cancelled') return given;
    // What a shop's service ended says nothing of the buyer either.
    if (isOfService(id) || endedByReview.has(reason ?? '')) return given;
    const key = status === 'expired' ? this.redis.expired(userId) : this.redis.cancelled(userId);
    // Whoever closes an order tells of the row as he found it, which has no moment yet: it is now. A
    // recovery tells of old rows again: what is more than a day ago leaves at once.
    const atMs = closedAt?.getTime() ?? this.clock.now();
    return [...given, connection.zadd(key, atMs, id),
      connection.zremrangebyscore(key, '-inf', this.clock.now() - dayMs),
      connection.zremrangebyrank(key, 0, -rememberedAtMost - 1), connection.pexpire(key, dayMs)];
  }

  private keysOf(userId: string, deviceId: string | undefined): string[] {
    const ofUser = this.redis.userHolds(userId);
    return deviceId === undefined ? [ofUser]
      : [ofUser, this.redis.deviceHolds(markOf(deviceId))];
  }

  private async attempt(msg: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
      this.isFailing = false;
    } catch (error) {
      // Once per outage.
      if (!this.isFailing) {
        this.logger.warn({ msg, error: String(error), action: 'places end with the time to pay' });
      }
      this.isFailing = true;
    }
  }
}
