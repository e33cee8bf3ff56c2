import type { SaleKeys } from '../../../src/stock/sale-keys';

export type Reply = number | string | (number | string)[];

/** The strategies that admit buyers in Redis: the same tables of tests hold for all. */
export const strategies = ['lua', 'tokens'] as const;
export type RedisStrategy = (typeof strategies)[number];

/** The run id under which sales are loaded here; only the scripts compare it. */
export const boot = 'boot-of-this-test';
/** The run that closed the sales which are loaded here. */
export const closer = 'load_of_this_test';
export const leaseMs = 30_000;

/** Which keys each script takes, in their sequence. */
export const keysOfScript = {
  'acknowledge-outbox': ['outbox'],
  'adjust': ['meta', 'adjustments', 'tokens'],
  'audit': ['meta', 'records', 'due', 'outbox', 'tokens'],
  'confirm': ['meta', 'records', 'due'],
  'load-begin': ['meta', 'records', 'users', 'due', 'outbox', 'adjustments', 'tokens'],
  'load-proofs': ['meta', 'spent'],
  'load-records': ['meta', 'records', 'users', 'due', 'tokens'],
  'open': ['meta'],
  'release': ['meta', 'records', 'users', 'due', 'tokens'],
  'requeue': ['meta', 'records', 'due', 'outbox'],
  'reserve': ['meta', 'records', 'users', 'due', 'outbox', 'spent', 'tokens'],
  'retake': ['meta', 'records', 'users', 'due', 'tokens'],
  'set-state': ['meta'],
  'settle': ['meta', 'records', 'due'],
  'sold-out': ['meta'],
  'take-outbox': ['outbox'],
} as const satisfies Record<string, readonly (keyof SaleKeys)[]>;
export type ScriptName = keyof typeof keysOfScript;

/** The names of a sale's keys in Redis, in the sequence of `SaleKeys`. */
export function namesOf(keys: SaleKeys): string[] {
  return Object.values(keys) as string[];
}
