/** The Redis keys of one sale, all in one Cluster slot. None expires while the sale lives. */
export interface SaleKeys {
  /**
   * Hash: state, epoch, boot, opens, closes, limit, strategy, total, available, reserved, ordered,
   * sold, seq, reopens.
   */
  meta: string;
  /** Hash: rid → packed record. */
  records: string;
  /** Hash: user id → units alive. */
  users: string;
  /** Sorted set: rid by deadline in milliseconds. */
  due: string;
  /** Stream: reservations on their way to the database. */
  outbox: string;
  /** Hash: id of a stock adjustment → its delta. */
  adjustments: string;
  /** Hash: id of a sale token or captcha token → the reservation that spent it. */
  spent: string;
  /** List: one token per unit on sale, under the strategy `tokens`. */
  tokens: string;
  /** Hash: problem code → requests refused with it; a statistic. */
  refusals: string;
}

/** The part of every key by which a Cluster places the sale. */
export function saleTag(saleId: string): string {
  return `{${saleId}}`;
}

export function saleKeys(namespace: string, saleId: string): SaleKeys {
  const key = (name: string) => `${namespace}:${saleTag(saleId)}:${name}`;
  return { meta: key('meta'), records: key('res'), users: key('users'), due: key('due'),
    outbox: key('outbox'), adjustments: key('adjustments'), spent: key('spent'),
    tokens: key('tokens'), refusals: key('refusals') };
}
