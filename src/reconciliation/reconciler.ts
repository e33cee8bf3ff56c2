import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { Database } from '../infra/database';
import { Metrics } from '../infra/metrics';
import { ServerClock } from '../infra/redis';
import { ProblemError } from '../kernel';
import { isRedisStrategy, SaleCatalog, SaleLife, stockIdsOf, type Sale } from '../sale';
import { StockLoader } from '../stock';
import { ReconciliationRuns, type ReconciliationItem, type RunCause } from './reconciliation-runs';
import { Recovery } from './recovery';
import { Repair } from './repair';
import { isConsistent, StockSnapshots, type StockSnapshot } from './stock-snapshots';

const betweenLooksMs = 500;
const retireAfterMs = 24 * 3_600_000;
const system = { actor: 'reconciliation', ip: '', traceId: '0'.repeat(32) };

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
    private readonly life: SaleLife,
    private readonly snapshots: StockSnapshots,
    private readonly repair: Repair,
    private readonly recovery: Recovery,
    private readonly loader: StockLoader,
    private readonly runs: ReconciliationRuns,
    private readonly clock: ServerClock,
    private readonly metrics: Metrics,
  ) {}

  /**
   * Reconciles one sale or all live ones. Throws NOT_FOUND for an unknown sale, and
   * TEMPORARILY_UNAVAILABLE while another run is under way.
   */
  run(cause: RunCause, saleId?: string): Promise<ReconciliationItem[]> {
    return this.alone(cause, () => saleId === undefined ? this.reconcileEach(this.catalog.live())
      : this.reconcileOne(saleId));
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
    throw new ProblemError('TEMPORARILY_UNAVAILABLE', 'A reconciliation is under way. Ask again.',
      { headers: { 'Retry-After': '2' } });
  }

  /** One sale's fault must not keep the others from being looked at. */
  private async reconcileEach(sales: readonly Sale[], insists = false): Promise<ReconciliationItem[]> {
    const items: ReconciliationItem[] = [];
    for (const sale of sales) {
      try {
        items.push(await this.reconcile(sale, insists));
      } catch (error) {
        this.logger.error({ msg: 'sale not reconciled', saleId: sale.id, error: String(error) });
      }
    }
    return items;
  }

  private async reconcileOne(saleId: string): Promise<ReconciliationItem[]> {
    const items: ReconciliationItem[] = [];
    for (const stockId of stockIdsOf(await this.require(saleId))) {
      items.push(await this.reconcile(await this.require(stockId)));
    }
    return items;
  }

  private async reconcile(sale: Sale, insists = false): Promise<ReconciliationItem> {
    const { standing, stalled, moving, snapshot } = await this.lookTwice(sale.id);
    let item: ReconciliationItem = { saleId: sale.id, drift: standing ? snapshot.drift : 0,
      repaired: 0, rebuilt: false, driftAfter: 0, consistentAfter: true,
      inFlight: snapshot.inFlight, moving };
    if (standing) item = await this.mend(sale, item);
    else if (stalled) item = { ...item, repaired: await this.repair.overlooked(sale) };
    else if (moving && insists) item = { ...item, repaired: await this.repair.byRid(sale) };
    this.metrics.stockDrift.set({ sale_id: sale.id }, item.driftAfter);
    if (item.driftAfter === 0 && item.consistentAfter) await this.retireIfOver(sale, snapshot);
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
    } else if (after.standing) {
      this.logger.error({ msg: 'the database does not agree with itself', saleId: sale.id,
        ...after.snapshot.database, action: 'none: somebody must look at its orders' });
    }
    return { ...item, repaired, rebuilt, driftAfter: after.standing ? after.snapshot.drift : 0,
      consistentAfter: !after.standing || after.snapshot.consistent,
      inFlight: after.snapshot.inFlight, moving: after.moving };
  }

  /** A difference that moves is work in progress; one that stands is a fault, and so are units in flight. */
  private async lookTwice(saleId: string) {
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

  private async retireIfOver(sale: Sale, { inFlight, database, gate }: StockSnapshot): Promise<void> {
    const isOver = this.clock.now() > sale.closesAtMs + retireAfterMs;
    if (!isOver || inFlight > 0 || database.pendingPayment > 0) return;
    // A Redis that is gone may still hold what was promised.
    if (isRedisStrategy(sale.strategy) && gate !== 'redis') return;
    if (await this.life.retire(sale.id, system)) await this.loader.unload(sale.id);
  }

  private async require(saleId: string): Promise<Sale> {
    const sale = await this.catalog.find(saleId);
    if (!sale) throw new ProblemError('NOT_FOUND', 'There is no such sale.');
    return sale;
  }
}

/** Units that are sold on one side and wait for payment on the other are no drift: their sum agrees. */
function isOff({ drift, consistent, redis, database }: StockSnapshot): boolean {
  return drift !== 0 || !consistent || redis.sold !== database.paid;
}
