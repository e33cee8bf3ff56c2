import { Inject, Injectable } from '@nestjs/common';
import type { Identity } from '../../auth';
import { APP_CONFIG, type AppConfig } from '../../config';
import { markOf, ServerClock } from '../../infra/redis';
import { EarlyAttempts } from './early-attempts';
import { observeAtOnce, observeInParts, type Counts, type Windows } from './observe';
import { RiskRedis } from './risk-redis';
import type { Signals } from './signals';
import { countInWindow, dayMs, hourMs, minuteMs } from './sliding-window';
import type { PurchaseSubject, RiskSubject } from './subject';

/** An order may be written late, and can be paid for the whole pay window from then on. */
const holdSlackMs = 120_000;

/** `free` also where nothing is capped. */
export type Hold = 'free' | 'over_user' | 'over_device';

/** What counting an attempt has brought. */
export interface Observation {
  readonly signals: Signals;
  readonly hold: Hold;
  /** Whether the attempt relies on a place among the unpaid orders, to be kept or given back. */
  readonly isNewHold: boolean;
}

/** The signals of the rules: counted in Redis, in memory that does not grow with the attempts. */
@Injectable()
export class RiskSignals {
  private readonly userHoldsAtMost: number;
  private readonly deviceHoldsAtMost: number;

  constructor(
    @Inject(APP_CONFIG) config: AppConfig,
    private readonly redis: RiskRedis,
    private readonly clock: ServerClock,
    private readonly early: EarlyAttempts,
  ) {
    this.userHoldsAtMost = config.holdsPerUser ?? 0;
    this.deviceHoldsAtMost = config.holdsPerDevice ?? 0;
  }

  /** Whether unpaid orders are capped at all. */
  get capsHolds(): boolean {
    return this.userHoldsAtMost > 0 || this.deviceHoldsAtMost > 0;
  }

  /**
   * Claims a place among the unpaid orders for the attempt, and counts it if `counts`. One round
   * trip, to a Cluster two. Rejects when Redis is away.
   */
  async observe(subject: PurchaseSubject, counts: boolean): Promise<Observation> {
    const { identity: { userId }, ip, deviceId, sale, rid } = subject;
    const observe = this.redis.isCluster ? observeInParts : observeAtOnce;
    const [hold, nowMs, usualAmount, attemptsMinute, attemptsHour, purchasesMinute, purchasesHour,
      boughtAtMs, ...seen] = await observe(this.redis, {
      counts, userId, ip, rid, device: deviceId === undefined ? '' : markOf(deviceId),
      currency: sale.price.currency, holdMs: sale.payWindowSeconds * 1_000 + holdSlackMs,
      userHoldsAtMost: this.userHoldsAtMost, deviceHoldsAtMost: this.deviceHoldsAtMost,
    });
    const known = this.known(subject, nowMs);
    const windows: Windows =
      [attemptsMinute, attemptsHour, purchasesMinute, purchasesHour, boughtAtMs];
    return {
      signals: {
        ...known, ...countedSignals(nowMs, windows, seen),
        ...(usualAmount !== null && { amountTimesUsual: known.amount / Number(usualAmount) }),
      },
      hold: hold === -1 ? 'over_user' : hold === -2 ? 'over_device' : 'free',
      isNewHold: hold === 1,
    };
  }

  /** What this process knows of an attempt without asking anybody. */
  known({ identity, sale, quantity, waitedMs = 0 }: PurchaseSubject, nowMs = this.clock.now()) {
    return {
      ...accountAge(identity, nowMs),
      earlyAttempts: this.early.of(sale.id, identity.userId),
      sinceOpeningMs: nowMs - waitedMs - sale.opensAtMs,
      quantity, quantityShareOfLimit: quantity / sale.limitPerUser,
      amount: sale.price.amount * quantity,
    } satisfies Signals;
  }

  /** What is known now, without a purchase and without counting. Rejects like `observe`. */
  async look(subject: RiskSubject): Promise<Signals> {
    const { identity, ip, deviceId } = subject;
    const { userId } = identity;
    const { redis } = this;
    const nowMs = this.clock.now();
    const [windows, ...seen] = await redis.ask((connection) => {
      const count = (key: string) => connection.zcount(key, nowMs - dayMs, '+inf');
      // One write to Redis: the connection gathers what one turn of the event loop asks.
      return Promise.all([
        connection.hmget(redis.user(userId), 'am', 'ah', 'pm', 'ph', 'bought'),
        count(redis.ipUsers(ip)),
        count(redis.userDevices(userId)),
        deviceId === undefined ? 0 : count(redis.deviceUsers(markOf(deviceId))),
        count(redis.expired(userId)),
        count(redis.cancelled(userId)),
      ]);
    });
    return { ...accountAge(identity, nowMs), ...countedSignals(nowMs, windows as Windows, seen) };
  }
}

function accountAge({ registeredAt }: Identity, nowMs: number): Signals {
  return registeredAt === undefined ? {}
    : { accountAgeSeconds: Math.floor(nowMs / 1_000) - registeredAt };
}

function countedSignals(nowMs: number, windows: Windows, seen: Counts): Signals {
  const [attemptsMinute, attemptsHour, purchasesMinute, purchasesHour, boughtAtMs] = windows;
  const [usersOfIp, devicesOfUser, usersOfDevice, expired, cancelled] = seen;
  return {
    attemptsLastMinute: countInWindow(attemptsMinute, minuteMs, nowMs),
    attemptsLastHour: countInWindow(attemptsHour, hourMs, nowMs),
    purchasesLastMinute: countInWindow(purchasesMinute, minuteMs, nowMs),
    purchasesLastHour: countInWindow(purchasesHour, hourMs, nowMs),
    isFirstPurchase: boughtAtMs === null ? 1 : 0,
    devicesOfUser, usersOfDevice, usersOfIp,
    expiredOrdersLastDay: expired, cancelledOrdersLastDay: cancelled,
  };
}
