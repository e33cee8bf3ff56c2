/** Batches of reservations on their way to the database. */
export const orderQueue = 'orders';
/** One delayed job per sale and time bucket in which payment deadlines fall. */
export const expiryQueue = 'order-expiry';
/** The scheduled sweeps over overdue reservations and overdue orders. */
export const sweepQueue = 'order-sweeps';

/**
 * So many batches a worker process writes at once; with more of them waiting no relay adds another. What is
 * left in the outboxes meanwhile comes in larger batches: of many sales each has few reservations, and a
 * transaction for two orders costs the database nearly as much as one for twenty.
 */
export const batchesAtOnce = 4;

/** What a job of the order queue carries; entries are at most OUTBOX_BATCH. */
export interface OrderBatchJob {
  saleId: string;
  entries: import('../stock').OutboxEntry[];
}
