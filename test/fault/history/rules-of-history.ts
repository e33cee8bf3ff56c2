import { heldByRows, isAcknowledged, leadsTo, type Evidence, type Facts } from './facts';
import type { HistoryLine } from './history';

type Rule = (facts: Facts) => Evidence[];

/** Answers after which the same request need not be sent again: the buyer was told no. */
const undecided = new Set(['RATE_LIMITED', 'UNAUTHENTICATED']);

function isRefusal({ answer, code }: HistoryLine): boolean {
  return answer === 'refused' && !undecided.has(code ?? '');
}

/** Whether the buyer was told of the one before he asked for the other. */
function isBefore(earlier: HistoryLine, later: HistoryLine): boolean {
  return earlier.answeredMs < later.invokedMs;
}

/** Same user, sale, key and quantity: the same id. */
export const sameKeySameId: Rule = ({ purchases }) => purchases.flatMap((lines) => {
  const [first, ...others] = lines.filter(isAcknowledged);
  const other = others.find(({ rid, quantity }) =>
    rid !== first?.rid && quantity === first?.quantity);
  return other ? [[first, other]] : [];
});

/**
 * Nobody is told yes and then no, unless his order was rejected or lost in between; nobody is told
 * no who has an order; and nobody has more orders than he sent keys.
 */
export const oneDecisionPerKey: Rule = (facts) =>
  [...yesThenNo(facts), ...noButOrdered(facts), ...moreOrdersThanKeys(facts)];

const yesThenNo: Rule = ({ purchases, rows, mayLose }) => purchases.flatMap((lines) => {
  const yes = lines.find(isAcknowledged);
  const no = yes && lines.find((line) => isRefusal(line) && isBefore(yes, line));
  if (!no) return [];
  const row = rows.get(yes.rid);
  return row?.status === 'rejected' || (mayLose && !row) ? [] : [[yes, no, row ?? 'no row']];
});

/** Only where every call was heard: one that was not may have been carried out after the no. */
const noButOrdered: Rule = ({ books, purchases, rowsOfUsers }) => {
  const asked = Map.groupBy(purchases, ([line]) => line?.userId);
  return [...asked.values()].flatMap(([lines, ...others]) => {
    const no = lines?.at(-1);
    if (!no || others.length > 0 || !lines?.every(isRefusal)) return [];
    const row = rowsOfUsers.get(no.userId)?.find(({ rid, status }) =>
      status !== 'rejected' && !books.replacements.includes(rid));
    return row ? [[no, row]] : [];
  });
};

const moreOrdersThanKeys: Rule = ({ books, purchases, rowsOfUsers }) => {
  const keys = new Map<string, number>();
  for (const [line] of purchases) {
    if (line) keys.set(line.userId, (keys.get(line.userId) ?? 0) + 1);
  }
  return [...keys].flatMap(([userId, count]) => {
    const rows = (rowsOfUsers.get(userId) ?? [])
      .filter(({ rid }) => !books.replacements.includes(rid));
    // Late money buys once more under an id of its own, before it says which.
    const late = rows.filter(({ rid }) => books.latePayments.includes(rid));
    return rows.length > count + late.length ? [[`${count} keys`, ...rows.slice(-2)]] : [];
  });
};

/** Acknowledged purchases that became no order: lost where that is allowed, else a violation. */
export function withoutOrder({ acknowledged, rows }: Facts): Facts['acknowledged'] {
  const seen = new Set<string>();
  return acknowledged.filter(({ rid }) => {
    if (seen.has(rid)) return false;
    seen.add(rid);
    const row = rows.get(rid);
    return !row || row.status === 'rejected';
  });
}

export const acknowledgedIsDecided: Rule = (facts) => facts.mayLose ? []
  : [...withoutOrder(facts).filter(({ rid }) => !facts.rows.has(rid))
    .map((line) => [line, 'no row']), ...unpaid(facts)];

/** A provider whose report was taken need not send it again, so the money must be known. */
const unpaid: Rule = ({ history, books }) => history
  .filter(({ operation, answer }) => operation === 'pay' && answer === 'ok')
  .filter(({ rid }) => !books.takenPayments.includes(rid ?? ''))
  .map((line) => [line, 'no payment is taken']);

/** I8: a purchase that was acknowledged may be refused by name only when Redis has lost it. */
export const acknowledgedIsOrdered: Rule = (facts) => facts.mayLose ? []
  : withoutOrder(facts).flatMap((line) => {
    const row = facts.rows.get(line.rid);
    return row ? [[line, row]] : [];
  });

/** I5: one order per id, which is the one that was asked for. */
export const oneOrderPerId: Rule = ({ books, acknowledged, rows }) => [
  ...books.rows.filter((row) => rows.get(row.rid) !== row).map((row) => [rows.get(row.rid), row]),
  ...acknowledged.flatMap((line) => {
    const row = rows.get(line.rid);
    const isHis = !row || (row.user_id === line.userId && row.quantity === line.quantity);
    return isHis ? [] : [[line, row]];
  }),
];

/** I6: in the rows, the quotas and Redis. */
export const nobodyOverTheLimit: Rule = ({ books, rowsOfUsers }) => {
  const { rows, quotas, users, database: { limit } } = books;
  return Object.entries({ rows: heldByRows(rows), quotas, users }).flatMap(([side, held]) =>
    Object.entries(held).filter(([, units]) => units > limit).map(([userId, units]) =>
      [`${side}: ${userId} holds ${units}, the limit is ${limit}`,
        ...(rowsOfUsers.get(userId) ?? []).slice(0, 2)]));
};

/** For one reader of one order: each status that he saw leads to the next, and to the row. */
export const noStatusGoesBack: Rule = ({ history, rows }) => {
  const readers = Map.groupBy(history.filter(({ operation, orderStatus, answer }) =>
    answer === 'ok' && operation !== 'buy' && orderStatus !== undefined),
  ({ client, rid }) => `${client} ${rid}`);
  return [...readers.values()].flatMap((lines) => {
    const found = lines.flatMap((earlier, index): Evidence[] => {
      const later = lines.slice(index + 1).find((line) =>
        isBefore(earlier, line) && !leads(earlier, line.orderStatus));
      const row = rows.get(earlier.rid ?? '');
      if (later) return [[earlier, later]];
      return row && !leads(earlier, row.status) ? [[earlier, row]] : [];
    });
    return found.slice(0, 1);
  });
};

function leads({ orderStatus }: HistoryLine, later: HistoryLine['orderStatus']): boolean {
  return orderStatus !== undefined && later !== undefined && leadsTo(orderStatus, later);
}

/**
 * Nobody is told "sold out" while others cannot have it all: the units of every order, and of every
 * purchase without one that was not refused, whose buyer had asked before that answer came.
 */
export const soldOutIsTrue: Rule = ({ history, books, purchases }) => {
  const asked = new Map(purchases.toReversed().map(([line]) =>
    [line?.userId, line?.invokedMs ?? 0]));
  const holders = new Set(books.rows.map(({ user_id: userId }) => userId));
  const holds = [
    ...books.rows.map((row) => ({ units: row.quantity, fromMs: asked.get(row.user_id) ?? 0 })),
    ...purchases.filter((lines) => !lines.every(isRefusal)).flatMap(([line]) =>
      line && !holders.has(line.userId) ? [{ units: line.quantity, fromMs: line.invokedMs }] : []),
  ];
  const refused = history.filter(({ operation, code }) =>
    operation === 'buy' && code === 'SOLD_OUT');
  return refused.flatMap((line) => {
    const taken = holds.filter(({ fromMs }) => fromMs < line.answeredMs)
      .reduce((sum, { units }) => sum + units, 0);
    const left = books.database.total - taken;
    return left >= line.quantity ? [[line, { left }]] : [];
  });
};

/** I15: nobody reads another buyer's order. */
export const ownOrdersOnly: Rule = ({ history, rows }) => history.flatMap((line) => {
  const row = rows.get(line.rid ?? '');
  const isStranger = row !== undefined && row.user_id !== line.userId;
  return line.operation === 'read' && line.answer === 'ok' && isStranger ? [[line, row]] : [];
});
