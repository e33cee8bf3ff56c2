import { Injectable, Logger } from '@nestjs/common';
import { Database } from '../infra/database';
import { failpoint } from '../infra/failpoint';
import { OrderStore, OrderWriter, toOutboxEntry, type RejectionReason } from '../order';
import { SaleStore, type Sale } from '../sale';
import { StockAdjustments, StockLoader, StockReader, StockRedis, type LoadedRow, type OutboxEntry,
  type StockAudit } from '../stock';

const drainAtMostMs = 10_000;
const gateStates = { draft: 'closed', active: 'open', paused: 'paused', closed: 'closed' } as const;

/** Why Redis must be made from database rows again, or undefined when it need not be. */
export type Doubt = 'not_loaded' | 'other_server' | 'unfinished_load' | 'other_epoch'
  | 'behind_database' | 'unbalanced' | 'unreadable';

interface StockRow {
  sale_id: string;
  epoch: number;
  seq: number;
}

/**
 * S11: after any doubt about Redis, and as preload, makes the Redis side of a sale from its rows.
 * One runner per sale; a crash anywhere leaves the sale closed and the doubt standing, so that the
 * next look starts it again.
 */
@Injectable()
export class Recovery {
  private readonly logger = new Logger('Recovery');

  constructor(
    private readonly database: Database,
    private readonly redis: StockRedis,
    private readonly reader: StockReader,
    private readonly loader: StockLoader,
    private readonly adjustments: StockAdjustments,
    private readonly sales: SaleStore,
    private readonly orders: OrderStore,
    private readonly writer: OrderWriter,
  ) {}

  /** What speaks against the Redis side of these sales now. Rejects when a side is away. */
  async doubts(saleIds: readonly string[]): Promise<Map<string, Doubt>> {
    const rows = await this.stockRows(saleIds);
    const doubts = new Map<string, Doubt>();
    await Promise.all(rows.map(async ({ sale_id: saleId, epoch, seq }) => {
      const audit = await this.reader.audit(saleId).catch((error: Error) => {
        // Keys that no script can read are one sale's fault and must not hide the others'.
        if (error.name === 'ReplyError') return undefined;
        throw error;
      });
      const doubt = audit ? this.doubtOf(audit, epoch, seq) : 'unreadable';
      if (doubt !== undefined) doubts.set(saleId, doubt);
    }));
    return doubts;
  }

  /** The same for one sale. */
  async doubt(saleId: string): Promise<Doubt | undefined> {
    return (await this.doubts([saleId])).get(saleId);
  }

  /**
   * Recovers a sale if there is still a doubt, or in any case when `reason` is given. False when
   * another runner is at it. Rejects when a side went away: the doubt stands then.
   */
  async recover(saleId: string, reason?: string): Promise<boolean> {
    const { ran } = await this.database.withLock(`load:${saleId}`, async (lost) => {
      const why = reason ?? await this.doubt(saleId);
      if (why !== undefined) await this.rebuild(saleId, why, lost);
    });
    return ran;
  }

  private doubtOf(audit: StockAudit, epoch: number, seq: number): Doubt | undefined {
    if (!audit.loaded) return 'not_loaded';
    if (audit.state === 'loading' || audit.state === 'recovering') return 'unfinished_load';
    if (audit.boot !== this.redis.boot) return 'other_server';
    if (audit.epoch !== epoch) return 'other_epoch';
    if (!audit.balanced) return 'unbalanced';
    return audit.seq < seq ? 'behind_database' : undefined;
  }

  private async rebuild(saleId: string, reason: string, lost: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    const { boot } = this.redis;
    const sale = await this.sales.find(saleId);
    if (!sale || boot === undefined) throw new Error(`Sale ${saleId} cannot be recovered now`);
    // Read before anything is done: should another runner overtake this one, the numbers differ.
    const [before] = await this.stockRows([saleId]);
    if (!before) throw new Error(`Sale ${saleId} has no stock row`);
    await this.loader.close(saleId);
    failpoint('recovery-after-close');
    const { drained, undecided } = await this.drain(sale);
    lost.throwIfAborted();
    const epoch = await this.raiseEpoch(saleId, before);
    failpoint('recovery-after-epoch');
    for (const entry of undecided) {
      const rejection: RejectionReason = 'RECOVERY';
      await this.orders.insertTombstone(sale, entry, 'rejected', rejection);
    }
    await this.load(sale, boot, epoch);
    this.logger.log({ msg: 'sale loaded', saleId, reason, drained, undecided: undecided.length,
      milliseconds: Math.round(performance.now() - startedAt) });
  }

  /** Writes what Redis holds and the database does not know, under the epoch it was held in. */
  private async drain(sale: Sale): Promise<{ drained: number; undecided: OutboxEntry[] }> {
    const deadline = performance.now() + drainAtMostMs;
    const undecided: OutboxEntry[] = [];
    let drained = 0;
    for await (const page of this.reader.scan(sale.id)) {
      const entries = page.filter(({ status }) => status === 'reserved').map(toOutboxEntry);
      if (entries.length === 0) continue;
      if (performance.now() > deadline) {
        undecided.push(...entries);
        continue;
      }
      await this.writer.write(sale, entries);
      drained += entries.length;
    }
    return { drained, undecided };
  }

  /** Jobs of the epoch before fail the guard from here on. Throws when another runner was faster. */
  private async raiseEpoch(saleId: string, { epoch }: StockRow): Promise<number> {
    const { affectedRows } = await this.database.execute(
      'UPDATE sale_stock SET epoch = epoch + 1 WHERE sale_id = ? AND epoch = ?', [saleId, epoch]);
    if (affectedRows !== 1) throw new Error(`Somebody else is recovering sale ${saleId}`);
    return epoch + 1;
  }

  private async load(sale: Sale, boot: string, epoch: number): Promise<void> {
    const { total, seq, adjustmentIds } = await this.stockOf(sale.id, epoch);
    await this.loader.load({ saleId: sale.id, boot, epoch, total, seq, adjustmentIds,
      limitPerUser: sale.limitPerUser, opensAtMs: sale.opensAtMs, closesAtMs: sale.closesAtMs },
    this.rows(sale.id), async () => gateStates[(await this.sales.find(sale.id))?.status ?? 'closed']);
  }

  /** The total and the adjustments in it, of one moment. */
  private stockOf(saleId: string, epoch: number) {
    return this.database.transaction(async (transaction) => {
      const [row] = await transaction.query<{ total: number; seq: number }>(
        'SELECT total, seq FROM sale_stock WHERE sale_id = ? AND epoch = ? FOR UPDATE',
        [saleId, epoch]);
      if (!row) throw new Error(`Somebody else is recovering sale ${saleId}`);
      return { ...row, adjustmentIds: await this.adjustments.idsInTotal(transaction, saleId) };
    });
  }

  private async *rows(saleId: string): AsyncGenerator<LoadedRow[]> {
    for await (const page of this.orders.ofSale(saleId)) {
      yield page.map((order) => ({ rid: order.id, status: order.status, hold: order.holds,
        quantity: order.quantity, deadlineMs: order.expiresAt.getTime(), seq: order.seq,
        reservedAtMs: order.reservedAt.getTime(), fingerprint: order.fingerprint,
        userId: order.userId }));
      failpoint('recovery-during-load');
    }
  }

  private async stockRows(saleIds: readonly string[]): Promise<StockRow[]> {
    if (saleIds.length === 0) return [];
    return this.database.query<StockRow>(
      'SELECT sale_id, epoch, seq FROM sale_stock WHERE sale_id IN (?)', [saleIds]);
  }
}
