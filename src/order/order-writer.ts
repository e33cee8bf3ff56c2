import { Injectable } from '@nestjs/common';
import { Database, isCheckViolation, isDuplicateKey, type Transaction } from '../infra/database';
import { failpoint } from '../infra/failpoint';
import { Metrics } from '../infra/metrics';
import { ServerClock } from '../infra/redis';
import type { Sale } from '../sale';
import { isOfService, StockBook, StockReader, type LedgerRow, type OutboxEntry, type StockFence }
  from '../stock';
import type { Order, RejectionReason } from './order';
import { OrderStore } from './order-store';

const looksAtMost = 2;

/** The guarded statement refused: the batch does not fit the stock, or its epoch has passed. */
class DoesNotFit extends Error {}

/**
 * S5: turns reservations into orders, up to 500 in one transaction, each exactly once. What does
 * not fit becomes a `rejected` row with its reason. Delivered twice, it does nothing the second time.
 */
@Injectable()
export class OrderWriter {
  constructor(
    private readonly database: Database,
    private readonly store: OrderStore,
    private readonly book: StockBook,
    private readonly reader: StockReader,
    private readonly clock: ServerClock,
    private readonly metrics: Metrics,
  ) {}

  /** Resolves to the rows that now stand for the entries. Rejects when the database is away. */
  async write(sale: Sale, entries: readonly OutboxEntry[]): Promise<Order[]> {
    // In the order of the key, so that two batches with the same rids cannot lock each other.
    const unique = [...new Map(entries.map((entry) => [entry.rid, entry])).values()]
      .sort((a, b) => (a.rid < b.rid ? -1 : 1));
    const looksFirst = !this.store.isLive(sale.id);
    const orders: Order[] = [];
    for (const batch of groupByEpoch(unique)) {
      orders.push(...await this.writeBatch(sale, batch, looksFirst));
    }
    return orders;
  }

  private async writeBatch(sale: Sale, batch: readonly OutboxEntry[],
    looksFirst: boolean): Promise<Order[]> {
    try {
      return await this.writeNewTogether(sale, batch, looksFirst);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.metrics.inventoryVersionConflictTotal.inc({ sku_id: sale.product.id });
      const [entry] = batch;
      return entry && batch.length === 1 ? [await this.decide(sale, entry, error)]
        : await this.writeInParts(sale, batch);
    }
  }

  /**
   * Mostly few of many are refused. In halves they are found, and the others written together: one by one
   * each would wait for the row of the stock, for which every order of the sale stands in line.
   */
  private async writeInParts(sale: Sale, batch: readonly OutboxEntry[]): Promise<Order[]> {
    const fence = await this.passed(sale.id, batch[0]);
    if (fence?.gate === 'database') {
      return this.writeBatch(sale, batch.map((entry) => ({ ...entry, epoch: fence.epoch })), true);
    }
    const orders: Order[] = [];
    if (fence) {
      for (const entry of batch) orders.push(await this.decide(sale, entry, new DoesNotFit()));
      return orders;
    }
    const middle = Math.ceil(batch.length / 2);
    orders.push(...await this.writeBatch(sale, batch.slice(0, middle), true));
    orders.push(...await this.writeBatch(sale, batch.slice(middle), true));
    return orders;
  }

  /**
   * An entry of an epoch that has passed, and yet may be written, under this one. Where the database is
   * the gate: under the epoch of now, since no Redis sells beside the guarded statement, which alone
   * decides whether the units are there. Where Redis is it: when its buyer asked again since, so that
   * Redis holds his units anew; a tombstone would break the promise of that second hold.
   */
  private async laterEpoch(saleId: string, entry: OutboxEntry): Promise<number | undefined> {
    const fence = await this.passed(saleId, entry);
    if (!fence || fence.gate === 'database') return fence?.epoch;
    const [held] = await this.reader.reservations(saleId, [entry.rid]);
    return held?.status === 'reserved' && held.epoch > entry.epoch ? held.epoch : undefined;
  }

  /** What is true of the stock now, if that is after the epoch of this entry. */
  private async passed(saleId: string, entry?: OutboxEntry): Promise<StockFence | undefined> {
    const [fence] = await this.database.query<StockFence>(
      'SELECT epoch, gate FROM sale_stock WHERE sale_id = ?', [saleId]);
    return fence && entry && fence.epoch > entry.epoch ? fence : undefined;
  }

  /**
   * A reservation hardly ever has a row already: it is looked for only after the database has refused
   * a second one. Rows that somebody else wrote at the same time are there at the second look.
   */
  private async writeNewTogether(sale: Sale, batch: readonly OutboxEntry[],
    looksFirst: boolean): Promise<Order[]> {
    for (let looks = looksFirst ? 1 : 0; ; looks += 1) {
      try {
        return await this.writeTogether(sale, batch, looks > 0);
      } catch (error) {
        if (!isDuplicateKey(error) || looks === looksAtMost) throw error;
      }
    }
  }

  private async writeTogether(sale: Sale, batch: readonly OutboxEntry[],
    looksFirst: boolean): Promise<Order[]> {
    const { orders, ledger } = await this.database.transaction(async (transaction) => {
      const written = looksFirst
        ? await this.store.findMany(batch.map(({ rid }) => rid), sale.id, transaction) : [];
      const known = new Set(written.map(({ id }) => id));
      const missing = batch.filter(({ rid }) => !known.has(rid));
      if (missing.length === 0) return { orders: written, ledger: [] };
      const added = await this.insert(transaction, sale, missing);
      return { orders: [...written, ...added.orders], ledger: added.ledger };
    });
    this.book.audit(ledger);
    const now = this.clock.now();
    const lag = new Map(batch.map(({ rid, reservedAtMs }) => [rid, now - reservedAtMs]));
    for (const { rid } of ledger) {
      this.metrics.orderPersistLagSeconds.observe(Math.max(0, lag.get(rid) ?? 0) / 1_000);
    }
    this.metrics.orderStatusTotal.inc({ status: 'pending_payment' }, ledger.length);
    return orders;
  }

  private async insert(transaction: Transaction, sale: Sale,
    missing: readonly OutboxEntry[]): Promise<{ orders: Order[]; ledger: LedgerRow[] }> {
    const now = await this.store.now(transaction);
    const expiresAt = ({ payWindowSeconds = sale.payWindowSeconds }: OutboxEntry) =>
      new Date(now.getTime() + payWindowSeconds * 1_000);
    const orders = await this.store.insert(transaction, sale, missing,
      { status: 'pending_payment', expiresAt, now });
    failpoint('writer-in-transaction');
    const ledger = await this.book.allocate(transaction, { saleId: sale.id,
      limitPerUser: sale.limitPerUser, strategy: sale.strategy, epoch: missing[0]?.epoch ?? 0,
      highestSeq: Math.max(...missing.map(({ seq }) => seq)) },
    missing.map(({ rid, userId, quantity, traceId, ip }) =>
      ({ rid, userId, quantity,
        cause: { source: isOfService(rid) ? 'tcc' : 'purchase', ip, traceId } })));
    if (!ledger) throw new DoesNotFit();
    return { orders, ledger };
  }

  /** One entry that was refused: under a later epoch, or never. */
  private async decide(sale: Sale, entry: OutboxEntry, refusal: unknown): Promise<Order> {
    // Asked for each: the gate may have changed while those before were written.
    const epoch = await this.laterEpoch(sale.id, entry);
    if (epoch !== undefined) {
      const [order] = await this.writeBatch(sale, [{ ...entry, epoch }], true);
      if (order) return order;
    }
    // After a duplicate key, too: then the tombstone finds the row that somebody else wrote.
    const reason = await this.reasonOf(refusal, sale.id, entry);
    return this.store.insertTombstone(sale, entry, 'rejected', reason);
  }

  private async reasonOf(error: unknown, saleId: string, entry: OutboxEntry) {
    if (isCheckViolation(error)) return 'LIMIT_EXCEEDED' satisfies RejectionReason;
    const [row] = await this.database.query<{ epoch: number }>(
      'SELECT epoch FROM sale_stock WHERE sale_id = ?', [saleId]);
    // A database that came back older may not refuse what was held since: recovery takes it up.
    if (row && row.epoch < entry.epoch) throw new Error('The database is older than this batch');
    const reason: RejectionReason = row?.epoch === entry.epoch ? 'SOLD_OUT' : 'EPOCH_PASSED';
    return reason;
  }
}

/** Answers of the database about this batch, as opposed to faults. */
function isRefusal(error: unknown): boolean {
  return error instanceof DoesNotFit || isCheckViolation(error) || isDuplicateKey(error);
}

function groupByEpoch(entries: readonly OutboxEntry[]): OutboxEntry[][] {
  return [...Map.groupBy(entries, ({ epoch }) => epoch).values()];
}
