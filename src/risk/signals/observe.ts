import { markOf } from '../../infra/redis';
import type { RiskRedis } from './risk-redis';

/** One attempt to buy, as the scripts are told about it. */
export interface ObservedAttempt {
  readonly counts: boolean;
  readonly userId: string;
  readonly ip: string;
  /** Its mark; empty without a device. */
  readonly device: string;
  readonly rid: string;
  readonly currency: string;
  readonly holdMs: number;
  /** 0: no cap. */
  readonly userHoldsAtMost: number;
  readonly deviceHoldsAtMost: number;
}

/** Four windows and the moment of the last purchase, as Redis keeps them. */
export type Windows = [attemptsMinute: string | null, attemptsHour: string | null,
  purchasesMinute: string | null, purchasesHour: string | null, boughtAtMs: string | null];
export type Counts = readonly [usersOfIp: number, devicesOfUser: number, usersOfDevice: number,
  expired: number, cancelled: number];
/** What `observe-n.lua` replies. */
export type ObserveReply = readonly [hold: number, nowMs: number, usualAmount: string | null,
  ...Windows, ...Counts];
type UserReply = readonly [hold: number, nowMs: number, usualAmount: string | null, ...Windows,
  devices: number, isKept: 0 | 1, expired: number, cancelled: number];

/** Counts the attempt and claims its places in one round trip to the one server. */
export async function observeAtOnce(redis: RiskRedis, attempt: ObservedAttempt):
Promise<ObserveReply> {
  const { userId, device } = attempt;
  const keys = [redis.user(userId), redis.ipUsers(attempt.ip), redis.userDevices(userId),
    redis.expired(userId), redis.cancelled(userId), redis.userHolds(userId)];
  if (device !== '') keys.push(redis.deviceUsers(device), redis.deviceHolds(device));
  return await redis.run('observe', keys, [attempt.counts ? 1 : 0, markOf(userId), device,
    attempt.rid, attempt.currency, attempt.holdMs, attempt.userHoldsAtMost,
    attempt.deviceHoldsAtMost]) as ObserveReply;
}

/**
 * The same on a Cluster, where user, address and device are on different servers: the user first, then
 * the others. Whoever has no place by his device gives back that of the user. An attempt that breaks off
 * in between counts in the former alone; should even its place not come back, that ends with the time
 * to pay.
 */
export async function observeInParts(redis: RiskRedis, attempt: ObservedAttempt):
Promise<ObserveReply> {
  const { userId } = attempt;
  const [hold, nowMs, usual, am, ah, pm, ph, bought, devices, isKept, expired, cancelled] =
    await redis.run('observe-user', [redis.user(userId), redis.userDevices(userId),
      redis.expired(userId), redis.cancelled(userId), redis.userHolds(userId)],
    [attempt.counts ? 1 : 0, attempt.device, attempt.rid, attempt.currency, attempt.holdMs,
      attempt.userHoldsAtMost]) as UserReply;
  const giveBack = (key: string) => redis.run('release-hold', [key], [attempt.rid]);
  const claiming = Promise.resolve(hold === -1 ? 0 : claimOnDevice(redis, attempt));
  const counting = Promise.all([
    attempt.counts ? countUser(redis, redis.ipUsers(attempt.ip), userId) : 0,
    countOnDevice(redis, attempt, isKept === 1),
  ]);
  const [claimed, counted] = await Promise.allSettled([claiming, counting]);
  const ofDevice = claimed.status === 'fulfilled' ? claimed.value : 0;
  const isBroken = claimed.status === 'rejected' || counted.status === 'rejected';
  if (hold === 1 && (isBroken || ofDevice === -1)) await giveBack(redis.userHolds(userId));
  if (ofDevice === 1 && isBroken) await giveBack(redis.deviceHolds(attempt.device));
  if (claimed.status === 'rejected') throw claimed.reason;
  if (counted.status === 'rejected') throw counted.reason;
  const [usersOfIp, usersOfDevice] = counted.value;
  const both = hold === -1 ? -1 : ofDevice === -1 ? -2 : Math.max(hold, ofDevice);
  return [both, nowMs, usual, am, ah, pm, ph, bought, usersOfIp, devices, usersOfDevice, expired,
    cancelled];
}

/** Made-up devices leave no trace of their own, as in `observe-n.lua`. */
async function countOnDevice(redis: RiskRedis, { counts, device, userId }: ObservedAttempt,
  isKept: boolean): Promise<number> {
  if (!counts || device === '') return 0;
  return isKept ? countUser(redis, redis.deviceUsers(device), userId) : 1;
}

async function countUser(redis: RiskRedis, key: string, userId: string): Promise<number> {
  return await redis.run('count-user', [key], [markOf(userId)]) as number;
}

async function claimOnDevice(redis: RiskRedis,
  { device, rid, holdMs, deviceHoldsAtMost }: ObservedAttempt): Promise<number> {
  if (device === '') return 0;
  return await redis.run('claim-hold', [redis.deviceHolds(device)],
    [rid, holdMs, deviceHoldsAtMost]) as number;
}
