const secondsAtLeast = 60;
const shareAtLeast = 0.1;

/**
 * Seconds that a user has to pay who let so many orders expire in a day: half as many after each,
 * but never less than a minute or a tenth of the sale's own window, and never more than that.
 */
export function payWindowAfter(expiredOrders: number, payWindowSeconds: number): number {
  const shrunk = payWindowSeconds * 0.5 ** expiredOrders;
  const least = Math.max(secondsAtLeast, payWindowSeconds * shareAtLeast);
  return Math.min(payWindowSeconds, Math.ceil(Math.max(shrunk, least)));
}
