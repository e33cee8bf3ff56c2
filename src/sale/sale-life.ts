import { Injectable, Logger } from '@nestjs/common';
import { AuditLog, type Origin } from '../infra/audit';
import { Database, type Transaction } from '../infra/database';
import { validationFailed } from '../infra/http';
import { ServerClock } from '../infra/redis';
import { newId, ProblemError, TemporarilyUnavailable } from '../kernel';
import { isRedisStrategy, saleOperations, type Product, type Sale, type SaleOperation } from './sale';
import { SaleCatalog } from './sale-catalog';
import { SaleGate } from './sale-gate';
import { SaleStore } from './sale-store';
import { stockIdsOf } from './segments';

/** What a sale is created from; `stock` in units, the rest as in `Sale`. */
export interface NewSale
  extends Omit<Sale, 'id' | 'product' | 'status' | 'segmentOf' | 'createdAtMs' | 'retiredAtMs'> {
  readonly productId: string;
  readonly stock: number;
}

const gateStates = { active: 'open', paused: 'paused', closed: 'closed' } as const;

/** The life of a sale as operators decide it. Every decision is one guarded statement, audited. */
@Injectable()
export class SaleLife {
  private readonly logger = new Logger('SaleLife');

  constructor(
    private readonly database: Database,
    private readonly auditLog: AuditLog,
    private readonly store: SaleStore,
    private readonly catalog: SaleCatalog,
    private readonly gate: SaleGate,
    private readonly clock: ServerClock,
  ) {}

  async createProduct(product: Omit<Product, 'id'>, origin: Origin): Promise<Product> {
    const created = { id: newId('product'), ...product };
    await this.database.transaction(async (transaction) => {
      await transaction.execute(
        'INSERT INTO products (id, name, description, image_url) VALUES (?, ?, ?, ?)',
        [created.id, created.name, created.description ?? null, created.imageUrl ?? null]);
      await this.auditLog.record(transaction,
        { ...origin, action: 'product.create', subjectId: created.id, detail: { ...product } });
    });
    return created;
  }

  /** A draft, which no buyer sees. Throws VALIDATION_FAILED: no such product, or already over. */
  async createSale(newSale: NewSale, origin: Origin): Promise<Sale> {
    if (newSale.closesAtMs <= this.clock.now()) {
      throw validationFailed({ path: 'closesAt', message: 'A sale must close in the future' });
    }
    const saleId = newId('sale');
    await this.database.transaction(async (transaction) => {
      await insertSale(transaction, saleId, newSale);
      for (const part of stockOf(saleId, newSale)) {
        if (part.id !== saleId) await insertSale(transaction, part.id, newSale, saleId);
        await insertStock(transaction, part.id, { ...newSale, stock: part.units }, origin);
        await this.gate.prepare(transaction, part.id, newSale.strategy, part.units);
      }
      await this.auditLog.record(transaction,
        { ...origin, action: 'sale.create', subjectId: saleId, detail: { ...newSale } });
    });
    this.logger.log({
      msg: 'stock change', kind: 'stock', saleId, quantity: newSale.stock, before: 0,
      after: newSale.stock, source: 'create', userId: origin.actor, ip: origin.ip,
      traceId: origin.traceId,
    });
    return this.require(saleId);
  }

  /** Puts a draft on sale. The caller loads its stock: the gate takes the state over from there. */
  async activate(saleId: string, origin: Origin): Promise<Sale> {
    await this.decide(saleId, 'activate', origin);
    return this.require(saleId);
  }

  /** Nobody can buy until it is resumed. See `change` for what this throws. */
  pause(saleId: string, origin: Origin): Promise<Sale> {
    return this.change(saleId, 'pause', origin);
  }

  resume(saleId: string, origin: Origin): Promise<Sale> {
    return this.change(saleId, 'resume', origin);
  }

  /** Ends buying for good; orders that exist live on. */
  close(saleId: string, origin: Origin): Promise<Sale> {
    return this.change(saleId, 'close', origin);
  }

  /**
   * Takes a sale that is over out of every loop; the caller has made sure that nothing of it is in
   * flight. False when it is not over, does not exist, or was retired before.
   */
  async retire(saleId: string, origin: Origin): Promise<boolean> {
    const retired = await this.database.transaction(async (transaction) => {
      const { affectedRows } = await transaction.execute(
        `UPDATE sales SET retired_at = NOW(3) WHERE id = ? AND retired_at IS NULL
          AND (status = 'closed' OR (status IN ('active', 'paused') AND closes_at <= NOW(3)))`,
        [saleId]);
      if (affectedRows === 0) return false;
      await this.auditLog.record(transaction,
        { ...origin, action: 'sale.retire', subjectId: saleId, detail: {} });
      return true;
    });
    if (retired) await this.catalog.announce(saleId);
    return retired;
  }

  /**
   * Tells the gate what is decided. Of two decisions at once the earlier may reach the gate later,
   * so whoever told it looks once more whether that is still the last word. Rejects when Redis or
   * the database is away.
   */
  async putInForce(saleId: string): Promise<Sale> {
    for (let told = await this.require(saleId); ;) {
      await this.apply(told);
      const sale = await this.require(saleId);
      if (sale.status === told.status) return sale;
      told = sale;
    }
  }

  /**
   * The same for those of these whose gate says something else. What is known of them may be old: it
   * tells only where to look, and the row what to say. Rejects when Redis is away.
   */
  async putAllInForce(sales: readonly Sale[]): Promise<void> {
    const told = await this.gate.states(sales.flatMap(stockIdsOf));
    for (const sale of sales) {
      if (sale.status === 'draft') continue;
      const state = gateStates[sale.status];
      if (stockIdsOf(sale).every((id) => (told.get(id) ?? state) === state)) continue;
      // One that is away must not keep the others from hearing of it.
      await this.putInForce(sale.id).catch((error: unknown) => {
        this.logger.warn({ msg: 'decision not in force yet', saleId: sale.id, err: error,
          action: 'trying again' });
      });
    }
  }

  /**
   * Decides, then puts the decision in force. Again → the same answer. Throws NOT_FOUND,
   * SALE_STATE_CONFLICT, and TEMPORARILY_UNAVAILABLE when it is decided but not yet in force.
   */
  private async change(saleId: string, operation: SaleOperation, origin: Origin): Promise<Sale> {
    await this.decide(saleId, operation, origin);
    try {
      return await this.putInForce(saleId);
    } catch (error) {
      this.logger.warn({
        msg: 'decision not in force yet', saleId, operation, traceId: origin.traceId, err: error,
        action: 'a worker tries again every few seconds',
      });
      throw new TemporarilyUnavailable('The decision is recorded but not in force yet: that '
        + 'follows as soon as the stock can be reached. Ask again to be sure.', { cause: error });
    }
  }

  private async decide(saleId: string, operation: SaleOperation, origin: Origin): Promise<void> {
    const { from, to } = saleOperations[operation];
    const sale = await this.require(saleId);
    if (sale.segmentOf !== undefined) throw noSuchSale();
    const ids = new Set([saleId, ...stockIdsOf(sale)]);
    const decided = await this.database.transaction(async (transaction) => {
      const { affectedRows } = await transaction.execute(
        'UPDATE sales SET status = ? WHERE id IN (?) AND status IN (?)', [to, [...ids], from]);
      if (affectedRows === 0) return false;
      await this.auditLog.record(transaction,
        { ...origin, action: `sale.${operation}`, subjectId: saleId, detail: {} });
      return true;
    });
    if (decided) return this.catalog.announce(saleId);
    const { status } = await this.require(saleId);
    if (status !== to) {
      throw new ProblemError('SALE_STATE_CONFLICT',
        `The sale is ${status}; to ${operation} it, it must be ${from.join(' or ')}.`);
    }
  }

  private async apply(sale: Sale): Promise<void> {
    if (sale.status === 'draft') return;
    const state = gateStates[sale.status];
    // One that is away must not keep the others from hearing of it.
    const told = await Promise.allSettled(stockIdsOf(sale).map((stockId) =>
      this.gate.apply(stockId, state)));
    for (const each of told) if (each.status === 'rejected') throw each.reason;
  }

  private async require(saleId: string): Promise<Sale> {
    const sale = await this.store.find(saleId);
    if (sale === undefined) throw noSuchSale();
    return sale;
  }
}

function noSuchSale(): ProblemError {
  return new ProblemError('NOT_FOUND', 'There is no such sale.');
}

/** The parts of a sale's stock. Where they cannot be equal, the first ones have a unit more. */
function stockOf(id: string, { segments, stock }: NewSale): { id: string; units: number }[] {
  return stockIdsOf({ id, segments }).map((stockId, part) =>
    ({ id: stockId, units: Math.floor(stock / segments) + (part < stock % segments ? 1 : 0) }));
}

/** `segmentOf`: the sale that this is a segment of. */
async function insertSale(transaction: Transaction, saleId: string, sale: NewSale,
  segmentOf?: string): Promise<void> {
  const products = await transaction.query(
    'SELECT id FROM products WHERE id = ?', [sale.productId]);
  if (products.length === 0) {
    throw validationFailed({ path: 'productId', message: 'There is no such product' });
  }
  await transaction.execute(
    `INSERT INTO sales (id, product_id, price_amount, price_currency, limit_per_user, opens_at,
      closes_at, pay_window_seconds, protection, strategy, redis_outage, segments, segment_of)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [saleId, sale.productId, sale.price.amount, sale.price.currency, sale.limitPerUser,
      new Date(sale.opensAtMs), new Date(sale.closesAtMs), sale.payWindowSeconds,
      JSON.stringify(sale.protection), sale.strategy, sale.redisOutage,
      segmentOf === undefined ? sale.segments : 1, segmentOf ?? null]);
}

/** The units a sale begins with, and the first row of its ledger. */
async function insertStock(transaction: Transaction, saleId: string, { stock, strategy }: NewSale,
  { actor, ip, traceId }: Origin): Promise<void> {
  await transaction.execute('INSERT INTO sale_stock (sale_id, total, gate) VALUES (?, ?, ?)',
    [saleId, stock, isRedisStrategy(strategy) ? 'redis' : 'database']);
  await transaction.execute(
    `INSERT INTO stock_ledger (sale_id, movement_id, kind, available_delta, allocated_delta,
      allocated_before, allocated_after, source, user_id, ip, trace_id)
      VALUES (?, 'initial', 'stock', ?, 0, 0, 0, 'create', ?, ?, ?)`,
    [saleId, stock, actor, ip, traceId]);
}
