/** PBKDF2 iterations of one try: dear enough that the call around it does not matter. */
export const iterationsPerTry = 1_000;

const triesAtLeast = 200;
const triesAtMost = 1_000;

/**
 * How many tries a proof of work may take at most, 200 to 1,000; half of that on average. It grows
 * with the risk score, 0 to 1. A score that is none counts as the highest.
 */
export function difficultyOf(score: number): number {
  const known = Number.isNaN(score) ? 1 : Math.min(1, Math.max(0, score));
  return Math.round(triesAtLeast + known * (triesAtMost - triesAtLeast));
}
