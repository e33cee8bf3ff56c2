import { fingerprint, type RefusalReason, type ReserveRequest } from '../stock';
import type { Order } from './order';

/** What a purchase came to where the database is the gate; `isNew`: not the answer to an earlier one. */
export type DirectOutcome =
  | { kind: 'written'; order: Order; isNew: boolean }
  | { kind: 'refused'; reason: RefusalReason };

/** What the database says of a sale, and of these buyers, before anything is written. */
export interface DirectFacts {
  /** Why nobody can buy now. */
  refusal?: RefusalReason;
  /** Units. */
  free: number;
  limitPerUser: number;
  /** Rows that are there already, by id. */
  orders: ReadonlyMap<string, Order>;
  /** Units by buyer. */
  held: ReadonlyMap<string, number>;
  spentProofs: ReadonlySet<string>;
}

/**
 * Decides several purchases as if one had come after the other. Each has its outcome, or none where
 * its order is to be written; the same id twice has none twice, and is one order.
 */
export function decide(requests: readonly ReserveRequest[],
  facts: DirectFacts): (DirectOutcome | undefined)[] {
  let { free } = facts;
  const held = new Map(facts.held);
  const spent = new Set(facts.spentProofs);
  const begun = new Set<string>();
  return requests.map((request): DirectOutcome | undefined => {
    const { rid, userId, quantity } = request;
    const known = facts.orders.get(rid);
    if (known) return replay(known, request);
    if (begun.has(rid)) return undefined;
    const units = (held.get(userId) ?? 0) + quantity;
    const reason = facts.refusal ?? refusalOfProofs(request, spent)
      ?? (free < quantity ? 'SOLD_OUT' : undefined)
      ?? (units > facts.limitPerUser ? 'LIMIT_EXCEEDED' : undefined);
    if (reason) return { kind: 'refused', reason };
    begun.add(rid);
    free -= quantity;
    held.set(userId, units);
    for (const proofId of proofsOf(request)) spent.add(proofId);
    return undefined;
  });
}

/** The answer of an order that is there to a purchase with its id. */
export function replay(order: Order, { userId, quantity }: ReserveRequest): DirectOutcome {
  if (order.userId !== userId) throw new Error(`${order.id} is another buyer's order`);
  if (order.fingerprint !== fingerprint(quantity)) {
    return { kind: 'refused', reason: 'IDEMPOTENCY_KEY_REUSED' };
  }
  return { kind: 'written', order, isNew: false };
}

/** Ids of the proofs that a purchase spends. */
export function proofsOf({ saleTokenId, captchaId }: ReserveRequest): string[] {
  return [saleTokenId ?? '', captchaId ?? ''].filter((proofId) => proofId !== '');
}

function refusalOfProofs({ saleTokenId = '', captchaId = '' }: ReserveRequest,
  spent: ReadonlySet<string>): RefusalReason | undefined {
  if (spent.has(saleTokenId)) return 'SALE_TOKEN_INVALID';
  return spent.has(captchaId) ? 'CAPTCHA_REQUIRED' : undefined;
}
