import { Injectable, Logger } from '@nestjs/common';
import { Database } from '../infra/database';
import { failpoint } from '../infra/failpoint';
import { newId, ProblemError, TemporarilyUnavailable } from '../kernel';
import { isSegment, offerOf, SaleCatalog, SaleGate, stockIdsOf, type Sale } from '../sale';
import { NothingHeld } from './refusal';
import { StockAdjustments } from './stock-adjustments';

/** So often a buyer whose units others took meanwhile is helped again. */
const loansAtMost = 5;
const actor = 'segments';
const system = { source: 'loan', ip: '', traceId: '0'.repeat(32) };

/** Units that one segment of a sale gives another for good. */
interface Loan {
  id: string;
  lender: string;
  borrower: string;
  units: number;
}

/** What a look at all segments came to, for one that has too few. */
type Look = { kind: 'enough' } | { kind: 'none' }
  | { kind: 'lender'; lender: string; units: number };

/** All loans of a sale, and those that are not over. */
interface LoanCount {
  begun: number;
  under_way: number;
}

/**
 * Keeps the segments of a sale from being sold out one by one: a segment that has run out borrows from the
 * richest. A loan is written down, then it is two adjustments (S12): the lender's, Redis first, and the
 * borrower's, the database first. So units on their way are on sale nowhere, and whoever finds a loan
 * half done completes it by its id.
 */
@Injectable()
export class SegmentLoans {
  private readonly logger = new Logger('SegmentLoans');
  private readonly borrowing = new Map<string, Promise<Look['kind']>>();

  constructor(
    private readonly database: Database,
    private readonly adjustments: StockAdjustments,
    private readonly catalog: SaleCatalog,
    private readonly gate: SaleGate,
  ) {}

  /**
   * Asks for units, and while the answer is that this segment has too few, but others have some, asks
   * again with theirs. A sale without segments is asked once. Throws NothingHeld when it cannot be
   * known whether others have some, or when units are on their way.
   */
  async whileSoldOut<Outcome>(stockId: string, quantity: number, ask: () => Promise<Outcome>,
    isSoldOut: (outcome: Outcome) => boolean): Promise<Outcome> {
    let outcome = await ask();
    if (!isSegment(stockId)) return outcome;
    for (let loans = 0; isSoldOut(outcome); loans += 1) {
      const found = await this.borrowTogether(stockId, quantity);
      if (found === 'none') return outcome;
      if (loans === loansAtMost) throw comeBack();
      outcome = await ask();
      // What it has is not on sale again yet, for as long as somebody may refuse from memory.
      if (found === 'enough' && isSoldOut(outcome)) throw comeBack();
    }
    return outcome;
  }

  /**
   * Brings so many units into one segment, as far as the others have them. False when all of them
   * together have fewer. Throws like the above.
   */
  async gather(stockId: string, quantity: number): Promise<boolean> {
    if (!isSegment(stockId)) return true;
    for (let loans = 0; loans < stockIdsOf(this.offer(stockId)).length; loans += 1) {
      const found = await this.borrowTogether(stockId, quantity);
      if (found !== 'lender') return found === 'enough';
    }
    return true;
  }

  /** Completes loans of this sale that a crash left half done. Resolves to how many. */
  async finishAll({ id: saleId }: Sale): Promise<number> {
    const loans = await this.database.query<Loan>(
      `SELECT id, lender, borrower, units FROM segment_loans
        WHERE sale_id = ? AND status = 'begun' AND created_at < NOW(3) - INTERVAL 5 SECOND`, [saleId]);
    let finished = 0;
    for (const loan of loans) {
      try {
        await this.finish(saleId, loan);
        finished += 1;
      } catch (error) {
        // Its segment may be away, which must not keep the others waiting.
        this.logger.warn({ msg: 'loan not completed', saleId, ...loan, error: String(error),
          action: 'trying again' });
      }
    }
    return finished;
  }

  /** Units that have left one segment and not yet reached another, by the ledger; and why, by the loans. */
  async underWay(sale: Sale): Promise<{ units: number; loans: number }> {
    const [row] = await this.database.query<{ units: string | null }>(
      `SELECT -SUM(available_delta) AS units FROM stock_ledger
        WHERE sale_id IN (?) AND movement_id LIKE 'adjust:loan%' AND user_id = ?`,
      [stockIdsOf(sale), actor]);
    const { under_way: loans } = await this.count(sale.id);
    return { units: Number(row?.units ?? 0), loans };
  }

  /** One at a time for all who want the same. `none`: all segments together have too few. */
  private borrowTogether(stockId: string, quantity: number): Promise<Look['kind']> {
    const key = `${stockId} ${quantity}`;
    const running = this.borrowing.get(key);
    if (running) return running;
    const borrowed = this.borrow(stockId, quantity).catch((error: unknown) => {
      // Whoever borrows holds nothing yet, and of all answers with 503 only NothingHeld tells him so.
      const mayPass = error instanceof ProblemError && !(error instanceof TemporarilyUnavailable);
      if (mayPass || error instanceof NothingHeld) throw error;
      this.logger.warn({ msg: 'nothing borrowed', segment: stockId, error: String(error),
        action: 'buyers are told to come back' });
      throw comeBack();
    }).finally(() => { this.borrowing.delete(key); });
    this.borrowing.set(key, borrowed);
    return borrowed;
  }

  private async borrow(stockId: string, quantity: number): Promise<Look['kind']> {
    const offer = this.offer(stockId);
    const before = await this.count(offer.id);
    let look = await this.look(offer, stockId, quantity);
    if (look.kind === 'none') {
      // The segments are not looked at in one moment: units may have passed from one to another.
      look = await this.look(offer, stockId, quantity);
      const { begun } = await this.count(offer.id);
      if (look.kind === 'none' && (before.under_way > 0 || begun !== before.begun)) throw comeBack();
    }
    if (look.kind === 'lender') await this.lend(offer.id, look, stockId);
    return look.kind;
  }

  /** Throws when a segment cannot say how much it has, and no other has anything. */
  private async look(offer: Sale, stockId: string, quantity: number): Promise<Look> {
    // Of one that is retired nobody can borrow.
    const stockIds = stockIdsOf(offer).filter((id) => this.catalog.peek(id) !== undefined);
    const units = await this.gate.available(stockIds);
    const own = units.get(stockId) ?? 0;
    if (own >= quantity) return { kind: 'enough' };
    const others = stockIds.filter((id) => id !== stockId);
    const sum = others.reduce((total, id) => total + (units.get(id) ?? 0), own);
    const [richest = ''] = others.toSorted((a, b) => (units.get(b) ?? 0) - (units.get(a) ?? 0));
    const there = units.get(richest) ?? 0;
    const isUnknown = stockIds.some((id) => units.get(id) === undefined);
    if (there > 0 && (sum >= quantity || isUnknown)) {
      // Half of it, so that neither soon asks again.
      const wanted = Math.max(quantity - own, Math.ceil(there / 2));
      return { kind: 'lender', lender: richest, units: Math.min(wanted, there) };
    }
    if (isUnknown) throw new Error('A segment does not say what it has');
    return { kind: 'none' };
  }

  private async lend(saleId: string, { lender, units }: { lender: string; units: number },
    borrower: string): Promise<void> {
    const loan = { id: newId('loan'), lender, borrower, units };
    await this.database.execute(
      'INSERT INTO segment_loans (sale_id, id, lender, borrower, units) VALUES (?, ?, ?, ?, ?)',
      [saleId, loan.id, lender, borrower, units]);
    failpoint('loan-before-sides');
    await this.finish(saleId, loan);
  }

  /** Any number may be at it, and begin anywhere. Rejects when a side is away: the loan stays begun. */
  private async finish(saleId: string, loan: Loan): Promise<void> {
    const isLent = await this.isLent(loan);
    if (isLent) {
      failpoint('loan-between-sides');
      await this.adjust(loan, loan.borrower, loan.units);
      failpoint('loan-after-sides');
    }
    await this.database.execute(
      'UPDATE segment_loans SET status = ? WHERE sale_id = ? AND id = ?',
      [isLent ? 'done' : 'refused', saleId, loan.id]);
    this.logger.log({ msg: isLent ? 'units lent' : 'units not lent', saleId, ...loan });
  }

  /** False when the lender has sold them meanwhile, for good: the same error may mean less. */
  private async isLent(loan: Loan): Promise<boolean> {
    try {
      await this.adjust(loan, loan.lender, -loan.units);
      return true;
    } catch (error) {
      if (await this.adjustments.statusOf(loan.lender, loan.id) === 'refused') return false;
      throw error;
    }
  }

  private adjust({ id }: Loan, stockId: string, delta: number): Promise<void> {
    return this.adjustments.adjust(
      { saleId: stockId, id, delta, reason: 'A loan between segments', actor }, system);
  }

  private async count(saleId: string): Promise<LoanCount> {
    const [row] = await this.database.query<{ begun: number; under_way: string | null }>(
      `SELECT COUNT(*) AS begun, SUM(status = 'begun') AS under_way FROM segment_loans
        WHERE sale_id = ?`, [saleId]);
    return { begun: row?.begun ?? 0, under_way: Number(row?.under_way ?? 0) };
  }

  private offer(stockId: string): Sale {
    const offer = this.catalog.peek(offerOf(stockId));
    if (offer) return offer;
    throw new ProblemError('SALE_STATE_CONFLICT',
      'Between the segments of a sale units move only while it is loaded and not over.');
  }
}

function comeBack(): NothingHeld {
  return new NothingHeld('Units are on their way between parts of the sale. Ask again with the '
    + 'same Idempotency-Key.');
}
