/** Who or what caused a change: goes to the ledger row and the audit line. */
export interface Cause {
  /** At most 32 characters, such as `purchase` or `payment_webhook`. */
  source: string;
  /** Of the request behind it, empty when there is none. */
  ip: string;
  traceId: string;
}

/** Units of one order that the database gives away or takes back. */
export interface Movement {
  rid: string;
  userId: string;
  quantity: number;
  /** How often the order has taken its units, this time included; once when left out. */
  hold?: number;
  cause: Cause;
}
