import type { Answer } from '../../../support/client';

/** So many calls at the same time. */
export function times<Result>(count: number,
  act: (index: number) => Promise<Result>): Promise<Result[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => act(index)));
}

/** What became of a request: its problem code, or its status where there is none. */
export function outcomeOf({ status, body }: Answer<unknown>): string {
  return body.code ?? String(status);
}

/** How many answers there are of each outcome. */
export function tally(answers: readonly Answer<unknown>[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const answer of answers) {
    const outcome = outcomeOf(answer);
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}
