import type { Books } from '../support/books';
import { Random } from '../support/random';
import type { RuleName } from './check-history';
import { SoundSale, type Case } from './sound-case';
import { sumOfBooks } from './sum-of-books';

interface SegmentedCase extends Case {
  first: Books;
  second: Books;
}

/**
 * ann and bob have bought the 2 units of the first segment, and 1 of 3 that the second has lent it;
 * of 8 units together 5 are left.
 */
export function segmentedCase(): SegmentedCase {
  const random = new Random(1);
  const [first, second] = [new SoundSale(random, 5), new SoundSale(random, 3)];
  first.visit('ann', 2, 'pending_payment');
  first.visit('bob', 1, 'paid');
  const parts = [first.finish(), second.finish()] as const;
  parts[0].books.id = 'sale-0';
  parts[1].books.id = 'sale-1';
  return rebuilt({ lines: parts[0].lines, first: parts[0].books, second: parts[1].books });
}

/** With the sums of what the segments say by now. */
function rebuilt({ lines, first, second }: Omit<SegmentedCase, 'books'>): SegmentedCase {
  return { lines, first, second, books: sumOfBooks('sale', [first, second], lent()) };
}

function lent(): Pick<Books, 'loans' | 'loanMovements'> {
  return {
    loans: [{ id: 'loan_a', lender: 'sale-1', borrower: 'sale-0', units: 3, status: 'done' },
      { id: 'loan_b', lender: 'sale-1', borrower: 'sale-0', units: 9, status: 'refused' }],
    loanMovements: [{ loan: 'loan_a', segment: 'sale-1', units: -3 },
      { loan: 'loan_a', segment: 'sale-0', units: 3 }],
  };
}

/** What only a sale in segments can break, or can break without breaking the sums. */
export const breachesOfSegments: [RuleName, string, (sale: SegmentedCase) => void][] = [
  ['conservation', 'what one has given the other never got', ({ books }) => {
    books.loanMovements.pop();
  }],
  ['conservation', 'one side of a loan came twice', ({ books }) => {
    books.loanMovements.push({ loan: 'loan_a', segment: 'sale-0', units: 3 });
  }],
  ['conservation', 'a loan that was refused has moved units', ({ books }) => {
    books.loanMovements.push({ loan: 'loan_b', segment: 'sale-1', units: -9 });
  }],
  ['conservation', 'units moved without a loan', ({ books }) => { books.loans.shift(); }],
  ['I13', 'a loan stays half done', ({ books }) => {
    for (const loan of books.loans) loan.status = 'begun';
  }],
  ['I4', 'one has in Redis what is another\'s in the database', ({ first, second, books }) => {
    for (const [segment, units] of [[first, 1], [second, -1]] as const) {
      segment.redis.total += units;
      segment.redis.available += units;
    }
    expect(sumOfBooks('sale', [first, second], lent()).redis).toEqual(books.redis);
  }],
  ['I11', 'one segment counts from an older number, the other has gone on', ({ first, second }) => {
    first.redis.seq -= 1;
    second.redis.seq += 1;
  }],
  ['I14', 'one segment has more than its ledger says, the other less', ({ first, second }) => {
    first.ledger.total -= 1;
    second.ledger.total += 1;
  }],
  ['I6', 'one buyer has what he may have in two segments', (sale) => {
    const { second } = sale;
    second.quotas['ann'] = 1;
    sale.books = rebuilt(sale).books;
  }],
  ['sold out when nothing is left', 'one hears "sold out", and the others\' units are left',
    ({ lines }) => {
      lines.push({ at: '', process: 'one', client: 'fay', operation: 'buy', key: 'key-fay',
        userId: 'fay', saleId: 'sale', quantity: 1, invokedMs: 90, answeredMs: 91,
        answer: 'refused', status: 409, code: 'SOLD_OUT' });
    }],
];
