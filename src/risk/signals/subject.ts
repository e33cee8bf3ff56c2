import type { Identity } from '../../auth';
import type { Sale } from '../../sale';

/** Whose risk is asked for. */
export interface RiskSubject {
  readonly identity: Identity;
  readonly ip: string;
  /** What the client calls itself; at most 128 characters. */
  readonly deviceId?: string;
}

/** One attempt to buy. */
export interface PurchaseSubject extends RiskSubject {
  readonly sale: Sale;
  readonly quantity: number;
  /** The id that its reservation has or would have. */
  readonly rid: string;
  /** The sale goes on without Redis: then nothing is counted, and nothing known that was. */
  readonly withoutRedis?: boolean;
  /** For how long it was kept waiting here, which says nothing about the buyer's hand. */
  readonly waitedMs?: number;
}

/** Whose claim to a place among the unpaid orders is meant. */
export interface HoldSubject {
  readonly userId: string;
  readonly deviceId?: string;
  readonly rid: string;
}
