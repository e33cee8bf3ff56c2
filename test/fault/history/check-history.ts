import type { Books } from '../support/books';
import { isAcknowledged, type Evidence, type Facts } from './facts';
import type { HistoryLine } from './history';
import * as books from './rules-of-books';
import * as history from './rules-of-history';

/** Every promise by its name in docs/protocol.md, and what finds the cases where it was broken. */
const rules = {
  I1: books.allocatedIsRows,
  I2: books.redisAddsUp,
  I3: books.nothingHeldIsOffered,
  I4: books.sidesAgree,
  I5: history.oneOrderPerId,
  I6: history.nobodyOverTheLimit,
  I7: history.sameKeySameId,
  I8: history.acknowledgedIsOrdered,
  I9: books.nothingReleasedEarly,
  I10: books.nothingPaidAfterRelease,
  I11: books.numbersGoOn,
  I12: books.generationIsPresent,
  I13: books.nothingWaits,
  I14: books.ledgerAddsUp,
  I15: history.ownOrdersOnly,
  'one decision per key': history.oneDecisionPerKey,
  'acknowledged is decided': history.acknowledgedIsDecided,
  'no status goes back': history.noStatusGoesBack,
  conservation: books.nothingIsLost,
  'sold out when nothing is left': history.soldOutIsTrue,
} as const satisfies Record<string, (facts: Facts) => Evidence[]>;

export type RuleName = keyof typeof rules;
export const ruleNames = Object.keys(rules) as RuleName[];

/** What compares the two sides, or looks at that of Redis. */
const ofRedis: readonly RuleName[] = ['I2', 'I3', 'I4', 'I9', 'I10', 'I11', 'I12', 'I13'];

/** What only a sale in segments can break by itself: one segment is not the sale. */
const ofSegments: readonly RuleName[] = ['sold out when nothing is left'];

/** The promises that can be asked of a sale: not those about a side that it does not have. */
export function rulesFor({ hasRedisSide, segments }: Pick<Books, 'hasRedisSide' | 'segments'>) {
  return ruleNames.filter((rule) => (hasRedisSide || !ofRedis.includes(rule))
    && (segments.length > 0 || !ofSegments.includes(rule)));
}

/** One broken promise, with the fewest lines, rows and sums that contradict each other. */
export interface Violation {
  rule: RuleName;
  evidence: Evidence;
}

export interface Verdict {
  violations: Violation[];
  /** Ids of acknowledged purchases without an order, which is a violation unless it is allowed. */
  lost: string[];
  /** Purchases, each counted once. */
  acknowledged: number;
}

/**
 * Compares what clients heard with the books of the sale once it is at rest; of a sale in segments
 * with the sums, and each segment's books must be right by themselves.
 * `mayLose`: Redis really lost writes that it had acknowledged. Then acknowledged purchases may be
 * missing, and are counted; everything else must hold all the same.
 */
export function checkHistory(lines: readonly HistoryLine[], stored: Books,
  { mayLose = false } = {}): Verdict {
  const facts = factsOf(lines, stored, mayLose);
  return {
    violations: [...violationsIn(facts), ...stored.segments.flatMap((segment) =>
      violationsIn(factsOf([], segment, mayLose)).map(({ rule, evidence }) =>
        ({ rule, evidence: [segment.id, ...evidence] })))],
    lost: history.withoutOrder(facts).map(({ rid }) => rid),
    acknowledged: new Set(facts.acknowledged.map(({ rid }) => rid)).size,
  };
}

function violationsIn(facts: Facts): Violation[] {
  return rulesFor(facts.books).flatMap((rule) =>
    rules[rule](facts).map((evidence) => ({ rule, evidence })));
}

function factsOf(lines: readonly HistoryLine[], stored: Books, mayLose: boolean): Facts {
  const inOrder = lines.toSorted((one, other) => one.invokedMs - other.invokedMs);
  const rows = new Map(stored.rows.toReversed().map((row) => [row.rid, row]));
  const rowsOfUsers = Map.groupBy(stored.rows, ({ user_id: userId }) => userId);
  const purchases = Map.groupBy(inOrder.filter(({ operation }) => operation === 'buy'),
    ({ userId, saleId, key }) => JSON.stringify([userId, saleId, key]));
  return { history: inOrder, books: stored, rows, rowsOfUsers, mayLose,
    acknowledged: inOrder.filter(isAcknowledged), purchases: [...purchases.values()] };
}

const shownPerRule = 3;

/** The violations for a reader, a few of each rule; empty when there are none. */
export function describeViolations(violations: readonly Violation[]): string {
  return [...Map.groupBy(violations, ({ rule }) => rule)].flatMap(([rule, broken]) => [
    `${rule} is broken, ${broken.length} times:`,
    ...broken.slice(0, shownPerRule).map(({ evidence }) => evidence.map((part) =>
      `    ${typeof part === 'string' ? part : JSON.stringify(part)}`).join('\n')),
  ]).join('\n');
}
