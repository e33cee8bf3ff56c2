import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { Database } from '../infra/database';
import { Metrics } from '../infra/metrics';
import { ServerClock } from '../infra/redis';
import { ProblemError, TemporarilyUnavailable } from '../kernel';
import { SaleCatalog, stockIdsOf, type Sale } from '../sale';
import { fewAtOnce } from './few-at-once';
import { ReconciliationRuns, type ReconciliationItem, type RunCause } from './reconciliation-runs';
import { Recovery } from './recovery';
import { Repair } from './repair';
import { RetiredSales } from './retired-sales';
import { isConsistent, StockSnapshots, type StockSnapshot } from './stock-snapshots';

const betweenLooksMs = 500;
/**
 * Each busy sale makes its run wait between two looks: were they looked at one after the other, the
 * queue would count as stuck with twenty of them. Each may keep a connection to the database.
 */
const reconciledTogether = 8;

/** What two looks at a sale found. */
interface Looks {
  /** A difference was there at both, and nothing moved. */
  standing: boolean;
  /** Nothing moved, though units are in flight or there is a difference. */
  stalled: boolean;
  /** A difference was there, not the same at both. */
  moving: boolean;
  /** The later look; the only one where there was no reason for another. */
  snapshot: StockSnapshot;
}

/**
 * Does Redis agree with the database, and each with itself? A difference counts when it stands
 * still over two looks; it is repaired by rid, and where that does not help by a new load (S11).
 */
@Injectable()
export class Reconciler {
  private readonly logger = new Logger('Reconciler');

  constructor(
    private readonly database: Database,
    private readonly catalog: SaleCatalog,
    private readonly snapshots: StockSnapshots,
    private readonly repair: Repair,
    private readonly recovery: Recovery,
    private readonly retired: RetiredSales,
    private readonly runs: ReconciliationRuns,
    private readonly clock: ServerClock,
    private readonly metrics: Metrics,
  ) {}

  /**
   * Reconciles one sale or all live ones. Throws NOT_FOUND for an unknown sale, and
   * TEMPORARILY_UNAVAILABLE while another run is under way.
   */
  run(cause: RunCause, saleId?: string): Promise<ReconciliationItem[]> {
    return this.alone(cause, () =>
      saleId === undefined ? this.reconcileAll() : this.reconcileOne(saleId));
  }

  /**
   * Looks again at sales of which an earlier run said `moving`. Where `insists`, a difference that moves
   * still is repaired by rid: at work in progress that moves nothing, and a busy sale never stands still.
   */
  again(saleIds: readonly string[], insists: boolean): Promise<ReconciliationItem[]> {
    const sales = this.catalog.live().filter(({ id }) => saleIds.includes(id));
    return this.alone('schedule', () => this.reconcileEach(sales, insists));
  }

  private async alone(cause: RunCause, reconcile: () => Promise<ReconciliationItem[]>) {
    const locked = await this.database.withLock('reconcile', async () => {
      const startedAt = new Date(this.clock.now());
      const items = await reconcile();
      await this.runs.store(cause, startedAt, items);
      return items;
    });
    if (locked.ran) return locked.result;
    throw new TemporarilyUnavailable('A reconciliation is under way. Ask again.',
      { retryAfterSeconds: 2 });
  }

  private async reconcileAll(): Promise<ReconciliationItem[]> {
    await this.retired.unloadLatest();
    return this.reconcileEach(this.catalog.live());
  }

  /** One sale's fault must not keep the others from being looked at. */
  private async reconcileEach(sales: readonly Sale[],
    insists = false): Promise<ReconciliationItem[]> {
    const items = await fewAtOnce(sales, reconciledTogether, async (sale) => {
      try {
        return [await this.reconcile(sale, insists)];
      } catch (error) {
        this.logger.error({ msg: 'sale not reconciled', saleId: sale.id, error: String(error) });
        return [];
      }
    });
    return items.flat();
  }

  private async reconcileOne(saleId: string): Promise<ReconciliationItem[]> {
    const stockIds = stockIdsOf(await this.require(saleId));
    return fewAtOnce(stockIds, reconciledTogether, async (stockId) => {
      const sale = await this.require(stockId);
      // What Redis may have of it is nothing to be repaired.
      if (sale.retiredAtMs !== undefined) await this.retired.unload(stockId);
      return this.reconcile(sale);
    });
  }

  private async reconcile(sale: Sale, insists = false): Promise<ReconciliationItem> {
    const looks = await this.lookTwice(sale.id);
    const { standing, stalled, moving, snapshot } = looks;
    let item: ReconciliationItem = { saleId: sale.id, drift: standing ? snapshot.drift : 0,
      repaired: 0, rebuilt: false, driftAfter: 0, consistentAfter: isConsistentAfter(looks),
      inFlight: snapshot.inFlight, moving };
    if (standing) item = await this.mend(sale, item);
    else if (stalled) item = { ...item, repaired: await this.repair.overlooked(sale) };
    else if (moving && insists) item = { ...item, repaired: await this.repair.byRid(sale) };
    else if (!item.consistentAfter) this.reportRows(snapshot);
    this.metrics.stockDrift.set({ sale_id: sale.id }, item.driftAfter);
    if (item.driftAfter === 0 && item.consistentAfter) {
      await this.retired.retireIfOver(sale, snapshot);
    }
    return item;
  }

  private async mend(sale: Sale, item: ReconciliationItem): Promise<ReconciliationItem> {
    this.logger.warn({ msg: 'stock drift stands', saleId: sale.id, drift: item.drift,
      action: 'repairing by rid' });
    const repaired = await this.repair.byRid(sale);
    let after = await this.lookTwice(sale.id);
    let rebuilt = false;
    if (after.standing && isConsistent(after.snapshot)) {
      this.logger.error({ msg: 'stock drift stands', saleId: sale.id, drift: after.snapshot.drift,
        action: 'loading the sale anew' });
      rebuilt = await this.recovery.recover(sale.id, 'drift');
      after = await this.lookTwice(sale.id);
    } else if (!isConsistentAfter(after)) this.reportRows(after.snapshot);
    return { ...item, repaired, rebuilt, driftAfter: after.standing ? after.snapshot.drift : 0,
      consistentAfter: isConsistentAfter(after),
      inFlight: after.snapshot.inFlight, moving: after.moving };
  }

  private reportRows({ saleId, database }: StockSnapshot): void {
    this.logger.error({ msg: 'the database does not agree with itself', saleId, ...database,
      action: 'none: somebody must look at its orders' });
  }

  /**
   * A difference that moves is work in progress; one that stands is a fault, and so are units in
   * flight. Without Redis there is nothing to be looked at twice.
   */
  private async lookTwice(saleId: string): Promise<Looks> {
    const first = await this.snapshots.of(saleId);
    if (!first.loaded || (!isOff(first) && first.inFlight === 0)) {
      return { standing: false, stalled: false, moving: false, snapshot: first };
    }
    await sleep(betweenLooksMs);
    const second = await this.snapshots.of(saleId);
    const isSame = JSON.stringify(first) === JSON.stringify(second);
    return { standing: isSame && isOff(second), stalled: isSame, moving: !isSame && isOff(second),
      snapshot: second };
  }

  private async require(saleId: string): Promise<Sale> {
    const sale = await this.catalog.find(saleId);
    if (!sale) throw new ProblemError('NOT_FOUND', 'There is no such sale.');
    return sale;
  }
}

/** What moves is judged by a later run. Without Redis nothing does: the rows are of one moment. */
function isConsistentAfter({ standing, snapshot }: Looks): boolean {
  return snapshot.consistent || (snapshot.loaded && !standing);
}

/** Units that are sold on one side and wait for payment on the other are no drift: their sum agrees. */
function isOff({ drift, consistent, redis, database }: StockSnapshot): boolean {
  return drift !== 0 || !consistent || redis.sold !== database.paid;
}
