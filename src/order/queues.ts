/** Batches of reservations on their way to the database. */
export const orderQueue = 'orders';
/** One delayed job per sale and time bucket in which payment deadlines fall. */
export const expiryQueue = 'order-expiry';
/** The scheduled sweeps over overdue reservations and overdue orders. */
export const sweepQueue = 'order-sweeps';

/** What a job of the order queue carries; entries are at most OUTBOX_BATCH. */
export interface OrderBatchJob {
  saleId: string;
  entries: import('../stock').OutboxEntry[];
}
