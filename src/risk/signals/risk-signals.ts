import { Inject, Injectable } from '@nestjs/common';
import { APP_CONFIG, type AppConfig } from '../../config';
import { ServerClock } from '../../infra/redis';
import { EarlyAttempts } from './early-attempts';
import { markOf, RiskRedis } from './risk-redis';
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

/** Four windows and the moment of the last purchase, as Redis keeps them. */
type Windows = [attemptsMinute: string | null, attemptsHour: string | null,
  purchasesMinute: string | null, purchasesHour: string | null, boughtAtMs: string | null];
type Counts = readonly [usersOfIp: number, devicesOfUser: number, usersOfDevice: number,
  expired: number, cancelled: number];
type ObserveReply = readonly [hold: number, nowMs: number, usualAmount: string | null,
  ...Windows, ...Counts];

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
   * trip. Rejects when Redis is away.
   */
  async observe(subject: PurchaseSubject, counts: boolean): Promise<Observation> {
    const { identity: { userId }, ip, deviceId, sale, quantity, rid } = subject;
    const { redis } = this;
    const keys = [redis.user(userId), redis.ipUsers(ip), redis.userDevices(userId),
      redis.expired(userId), redis.cancelled(userId), redis.userHolds(userId)];
    const device = deviceId === undefined ? '' : markOf(deviceId);
    if (device !== '') keys.push(redis.deviceUsers(device), redis.deviceHolds(device));
    const [hold, nowMs, usualAmount, attemptsMinute, attemptsHour, purchasesMinute, purchasesHour,
      boughtAtMs, ...seen] = await redis.run('observe', keys, [counts ? 1 : 0, markOf(userId),
      device, rid, sale.price.currency, sale.payWindowSeconds * 1_000 + holdSlackMs,
      this.userHoldsAtMost, this.deviceHoldsAtMost]) as ObserveReply;
    const amount = sale.price.amount * quantity;
    const windows: Windows =
      [attemptsMinute, attemptsHour, purchasesMinute, purchasesHour, boughtAtMs];
    return {
      signals: {
        ...signalsOf(subject, nowMs, windows, seen),
        earlyAttempts: this.early.of(sale.id, userId),
        sinceOpeningMs: nowMs - sale.opensAtMs,
        quantity, quantityShareOfLimit: quantity / sale.limitPerUser, amount,
        ...(usualAmount !== null && { amountTimesUsual: amount / Number(usualAmount) }),
      },
      hold: hold === -1 ? 'over_user' : hold === -2 ? 'over_device' : 'free',
      isNewHold: hold === 1,
    };
  }

  /** What is known now, without a purchase and without counting. Rejects like `observe`. */
  async look(subject: RiskSubject): Promise<Signals> {
    const { identity: { userId }, ip, deviceId } = subject;
    const { redis } = this;
    const nowMs = this.clock.now();
    const count = (key: string) => redis.connection.zcount(key, nowMs - dayMs, '+inf');
    // One write to Redis: the connection gathers what one turn of the event loop asks.
    const [windows, ...seen] = await Promise.all([
      redis.connection.hmget(redis.user(userId), 'am', 'ah', 'pm', 'ph', 'bought'),
      count(redis.ipUsers(ip)),
      count(redis.userDevices(userId)),
      deviceId === undefined ? 0 : count(redis.deviceUsers(markOf(deviceId))),
      count(redis.expired(userId)),
      count(redis.cancelled(userId)),
    ]);
    return signalsOf(subject, nowMs, windows as Windows, seen);
  }
}

function signalsOf({ identity: { registeredAt } }: RiskSubject, nowMs: number, windows: Windows,
  seen: Counts): Signals {
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
    ...(registeredAt !== undefined
      && { accountAgeSeconds: Math.floor(nowMs / 1_000) - registeredAt }),
  };
}
