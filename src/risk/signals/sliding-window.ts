export const minuteMs = 60_000;
export const hourMs = 3_600_000;
export const dayMs = 86_400_000;

/**
 * About how many events lie in the window that ends now. `text` is what the scripts keep of one
 * window: `bucket current previous`, buckets being windows counted since 1970. The bucket before
 * counts with the share of it that the window still covers, as if its events were spread evenly:
 * the estimate is never off by more than that bucket's count. Rounded down, in favour of the buyer.
 */
export function countInWindow(text: string | null, windowMs: number, nowMs: number): number {
  if (text === null) return 0;
  const [bucket = 0, current = 0, previous = 0] = text.split(' ').map(Number);
  const age = Math.floor(nowMs / windowMs) - bucket;
  const coveredShare = 1 - (nowMs % windowMs) / windowMs;
  if (age === 0) return Math.floor(current + previous * coveredShare);
  return age === 1 ? Math.floor(current * coveredShare) : 0;
}
