/** The scheduled check of payments. */
export const paymentQueue = 'payments';
