/** What a gateway is told when a payment starts. */
export interface GatewayPayment {
  id: string;
  orderId: string;
  /** Minor units of the currency. */
  amount: number;
  currency: string;
  /** After this the units go back on sale; money may still come. */
  payBefore: Date;
}

/** What a gateway knows about a payment; amount in minor units of the currency. */
export interface GatewayAnswer {
  status: 'open' | 'succeeded' | 'failed' | 'refunded';
  amount: number;
  currency: string;
}

/**
 * The port to a payment provider. Every method may be called again after a failure and then has no
 * second effect. A provider that cannot be reached rejects, with whatever error: that is never a
 * business answer. Whoever asks here hears TEMPORARILY_UNAVAILABLE then, and also when there is no answer
 * within 5 s (see patient-gateway).
 */
export abstract class PaymentGateway {
  /**
   * Opens the payment there, by our payment id; one that failed there is opened again. That should
   * not change its reference: until the answer is recorded it is asked about by the one of before.
   */
  abstract start(payment: GatewayPayment): Promise<{ reference: string; checkoutUrl: string }>;

  abstract query(reference: string): Promise<GatewayAnswer>;

  /** Sends the amount back; the same key is the same refund. */
  abstract refund(reference: string, idempotencyKey: string, amount: number): Promise<void>;
}
