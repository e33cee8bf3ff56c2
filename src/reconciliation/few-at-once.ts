/**
 * Does this work for each item, so many at a time, begun in their sequence. Resolves to the results
 * in that sequence. When one fails it rejects, but only once nothing is under way any more.
 */
export async function fewAtOnce<Item, Result>(items: readonly Item[], atOnce: number,
  work: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  const waiting = items.entries();
  const worker = async () => {
    for (const [index, item] of waiting) results[index] = await work(item);
  };
  const ends = await Promise.allSettled(Array.from({ length: atOnce }, worker));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return results;
}
