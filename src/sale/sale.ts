import type { Protection } from './protection';

/** What operators decided; the column `sales.status`. */
export type SaleStatus = 'draft' | 'active' | 'paused' | 'closed';

/** What a reader is told: the operators' decision, the clock and the stock taken together. */
export type SaleState = 'draft' | 'scheduled' | 'open' | 'sold_out' | 'paused' | 'closed';

/**
 * How the units of a sale are given away; src/stock/README.md says when to choose which. The first
 * two admit buyers in Redis, the others in the database.
 */
export const stockStrategies = ['lua', 'tokens', 'database-optimistic', 'database-row-lock',
  'database-unit-rows', 'segment-lock'] as const;
export type StockStrategy = (typeof stockStrategies)[number];

/** Where every unit is an entry of its own, all of them are made and read in one go. */
export function unitsAtMost(strategy: StockStrategy): number {
  return strategy === 'tokens' || strategy === 'database-unit-rows' ? 1_000_000 : 10_000_000;
}

/** What becomes of a sale that Redis admits buyers to while Redis is gone. */
export const redisOutages = ['pause', 'database'] as const;
export type RedisOutage = (typeof redisOutages)[number];

export interface Product {
  readonly id: string;
  readonly name: string;
  readonly description?: string;
  readonly imageUrl?: string;
}

/** Money in minor units of an ISO 4217 currency, such as cents. */
export interface Money {
  readonly amount: number;
  readonly currency: string;
}

/** A limited offer of one product. Times are milliseconds since 1970. */
export interface Sale {
  readonly id: string;
  readonly product: Product;
  /** Of one unit. */
  readonly price: Money;
  readonly limitPerUser: number;
  readonly opensAtMs: number;
  /** The first moment at which nothing can be bought any more. */
  readonly closesAtMs: number;
  readonly payWindowSeconds: number;
  readonly status: SaleStatus;
  readonly protection: Protection;
  readonly strategy: StockStrategy;
  readonly redisOutage: RedisOutage;
  /** Into so many parts its stock is split, each with a slot of a Redis Cluster of its own; mostly 1. */
  readonly segments: number;
  /** The sale that this is a segment of: one to the stock alone, which nobody is shown. */
  readonly segmentOf?: string;
  readonly createdAtMs: number;
  /** Since then the sale is over and nothing of it is in flight. */
  readonly retiredAtMs?: number;
}

/** What operators may do, from where it leads where; the statement carries `from` in its WHERE. */
export const saleOperations = {
  activate: { from: ['draft'], to: 'active' },
  pause: { from: ['active'], to: 'paused' },
  resume: { from: ['paused'], to: 'active' },
  close: { from: ['active', 'paused'], to: 'closed' },
} as const satisfies Record<string, { from: readonly SaleStatus[]; to: SaleStatus }>;

export type SaleOperation = keyof typeof saleOperations;

/** Whether buyers of the sale are admitted in Redis as long as it is there. */
export function isRedisStrategy(strategy: StockStrategy): boolean {
  return strategy === 'lua' || strategy === 'tokens';
}

/** The state at this moment of the server's clock. Units that are not known count as some. */
export function stateOf(sale: Sale, nowMs: number, available: number | undefined): SaleState {
  if (sale.status === 'draft') return 'draft';
  if (sale.status === 'closed' || nowMs >= sale.closesAtMs) return 'closed';
  if (sale.status === 'paused') return 'paused';
  if (nowMs < sale.opensAtMs) return 'scheduled';
  return available === 0 ? 'sold_out' : 'open';
}
