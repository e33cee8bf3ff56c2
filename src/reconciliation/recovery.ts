import { Injectable, Logger } from '@nestjs/common';
import { Database } from '../infra/database';
import { failpoint } from '../infra/failpoint';
import { newId, ProblemError, TemporarilyUnavailable } from '../kernel';
import { OrderStore } from '../order';
import { SaleStore, type Sale } from '../sale';
import { SaleEpochs, StockAdjustments, StockLoader, StockReader, StockRedis, type LoadedRow, type LoadedSale }
  from '../stock';
import { DatabaseIsOlder } from './database-is-older';
import { Doubts, type StockRow } from './doubts';
import { Drain, type Drained } from './drain';
import type { LossDecision } from './lost-orders';

const gateStates = { draft: 'closed', active: 'open', paused: 'paused', closed: 'closed' } as const;

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
    private readonly doubts: Doubts,
    private readonly redis: StockRedis,
    private readonly reader: StockReader,
    private readonly loader: StockLoader,
    private readonly adjustments: StockAdjustments,
    private readonly sales: SaleStore,
    private readonly orders: OrderStore,
    private readonly drain: Drain,
    private readonly epochs: SaleEpochs,
  ) {}

  /**
   * Recovers a sale if there is still a doubt, or in any case when `reason` is given. False when
   * another runner is at it. Rejects when a side went away, or with DatabaseIsOlder: the doubt
   * stands then. About a retired sale there is no doubt, and nothing loads it.
   */
  async recover(saleId: string, reason?: string): Promise<boolean> {
    const { ran } = await this.database.withLock(`load:${saleId}`, async (lost) => {
      const why = reason ?? await this.doubts.about(saleId);
      if (why === 'unreachable') throw unreachable();
      if (why !== undefined) await this.rebuild(saleId, why, lost);
    });
    return ran;
  }

  /**
   * Recovers a sale of which the database has lost orders, as the operator decided. Undefined when
   * another runner is at it.
   */
  async recoverFromLoss(saleId: string, decision: LossDecision): Promise<Drained | undefined> {
    const locked = await this.database.withLock(`load:${saleId}`, (lost) =>
      this.rebuild(saleId, `lost orders: ${decision}`, lost, decision));
    return locked.ran ? locked.result : undefined;
  }

  private async rebuild(saleId: string, reason: string, lost: AbortSignal,
    decision?: LossDecision): Promise<Drained> {
    const startedAt = performance.now();
    const boot = this.redis.bootOf(saleId);
    const sale = await this.sales.find(saleId);
    if (!sale || boot === undefined) throw new Error(`Sale ${saleId} cannot be recovered now`);
    // Read before anything is done: should another runner overtake this one, the numbers differ.
    const [found] = await this.doubts.stockRows([saleId]);
    if (!found) throw new Error(`Redis has no part in sale ${saleId}`);
    const closer = newId('load');
    await this.loader.close(saleId, closer);
    failpoint('recovery-after-close');
    const before = await this.catchUp(found);
    const result = await this.drain.run(sale, before.epoch, decision)
      .catch((error: unknown) => this.closeBothSides(before, error));
    lost.throwIfAborted();
    // What the drain has not seen of another Redis could be written under no later epoch.
    if (this.redis.bootOf(saleId) !== boot) {
      throw new Error(`Redis was replaced while sale ${saleId} was drained`);
    }
    const epoch = await this.raiseEpoch(saleId, before);
    failpoint('recovery-after-epoch');
    await this.load(sale, { boot, epoch, closer });
    this.logger.log({ msg: 'sale loaded', saleId, reason, drained: result.drained,
      milliseconds: Math.round(performance.now() - startedAt) });
    return result;
  }

  /**
   * A Redis of a newer epoch than the database tells of an older database. What it holds was held
   * under its epoch, and can be written under no other. Resolves to the row of that epoch.
   */
  private async catchUp(row: StockRow): Promise<StockRow> {
    const { sale_id: saleId } = row;
    const epoch = await this.reader.epochOf(saleId);
    if (epoch <= row.epoch) return row;
    const { affectedRows } = await this.database.execute(
      'UPDATE sale_stock SET epoch = ? WHERE sale_id = ? AND epoch = ?', [epoch, saleId, row.epoch]);
    if (affectedRows !== 1) throw new Error(`Somebody else is recovering sale ${saleId}`);
    this.logger.error({ msg: 'the database is older than Redis', saleId, epoch: row.epoch,
      epochOfRedis: epoch, action: 'looking for orders that it lost' });
    return { ...row, epoch };
  }

  /** Lost orders: their units are nobody's until an operator has decided, in the database neither. */
  private async closeBothSides({ sale_id: saleId, epoch }: StockRow, error: unknown): Promise<never> {
    if (error instanceof DatabaseIsOlder) {
      await this.database.execute(
        `UPDATE sale_stock SET gate = 'closed', gate_since = NOW(3), epoch = epoch + 1
          WHERE sale_id = ? AND epoch = ? AND gate <> 'closed'`, [saleId, epoch]);
      this.epochs.announce(saleId);
    }
    throw error;
  }

  /** Jobs of the epoch before fail the guard from here on. Throws when another runner was faster. */
  private async raiseEpoch(saleId: string, { epoch }: StockRow): Promise<number> {
    const { affectedRows } = await this.database.execute(
      `UPDATE sale_stock SET gate_since = IF(gate = 'redis', gate_since, NOW(3)), gate = 'redis',
          epoch = epoch + 1
        WHERE sale_id = ? AND epoch = ?`, [saleId, epoch]);
    if (affectedRows !== 1) throw new Error(`Somebody else is recovering sale ${saleId}`);
    return epoch + 1;
  }

  private async load(sale: Sale,
    run: Pick<LoadedSale, 'boot' | 'epoch' | 'closer'>): Promise<void> {
    const { total, seq, adjustmentIds } = await this.stockOf(sale.id, run.epoch);
    await this.loader.load({ ...run, saleId: sale.id, total, seq, adjustmentIds,
      limitPerUser: sale.limitPerUser, strategy: sale.strategy, opensAtMs: sale.opensAtMs,
      closesAtMs: sale.closesAtMs },
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
}

function unreachable(): ProblemError {
  return new TemporarilyUnavailable(
    'The part of Redis that has this sale cannot be reached. Ask again.');
}
