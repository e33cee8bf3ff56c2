import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { RedisConnections, Refresher } from '../infra/redis';
import { mayBeNewId } from '../kernel';
import { BatchedLookup } from './batched-lookup';
import type { Sale } from './sale';
import { SaleStore } from './sale-store';
import { offerOf, stockIdOf } from './segments';

const channel = 'sales';
const pollMs = 1_000;

/**
 * Looks at sales that are not live. Twenty a second at most, so that invented ids cost the database
 * next to nothing; nobody knows the id of a sale before it is made, so what is missing stays so.
 */
const looks = { keepMs: 1_000, keepMissingMs: 60_000, entriesAtMost: 50_000, pauseMs: 50,
  idsPerReadAtMost: 1_000 };

/**
 * Every sale that is neither draft nor retired, in memory: the request path asks no database. It is
 * read anew every second, and at once when a process announces a change. While the database is away
 * the last snapshot stands; the gate decides in any case.
 */
@Injectable()
export class SaleCatalog implements OnModuleInit, OnModuleDestroy {
  private readonly refresher: Refresher;
  private readonly others: BatchedLookup<Sale>;
  private sales: ReadonlyMap<string, Sale> = new Map();
  private withStock: readonly Sale[] = [];
  private offers: readonly Sale[] = [];

  constructor(private readonly store: SaleStore, connections: RedisConnections) {
    this.others = new BatchedLookup((ids) => store.findMany(ids), looks);
    this.refresher = new Refresher(connections, { channel, pollMs,
      read: () => this.readLive(), heard: (saleId) => { this.others.forget(saleId); },
      logger: new Logger('SaleCatalog'), complaint: 'sales not read, the last snapshot stands' });
  }

  async onModuleInit(): Promise<void> {
    this.refresher.start();
    await this.refresh();
  }

  onModuleDestroy(): void {
    this.refresher.stop();
  }

  /**
   * A sale in any status; undefined when there is none. Live sales come from memory; others from
   * the database, at most a second old. Only for the latter it throws `DatabaseError`, and
   * TEMPORARILY_UNAVAILABLE when more ids are asked for than may be looked up.
   */
  async find(saleId: string): Promise<Sale | undefined> {
    const live = this.sales.get(saleId);
    if (live !== undefined || !mayBeNewId('sale', offerOf(saleId))) return live;
    return (await this.others.find([saleId])).get(saleId);
  }

  /** A live sale, from memory alone; undefined says nothing about sales that are not live. */
  peek(saleId: string): Sale | undefined {
    return this.sales.get(saleId);
  }

  /** Like `find`, but what buyers and operators know: to them there are no segments. */
  async findOffer(saleId: string): Promise<Sale | undefined> {
    const sale = await this.find(saleId);
    return sale?.segmentOf === undefined ? sale : undefined;
  }

  /** Where the stock of a sale keeps this buyer: the sale itself, or one of its segments. */
  async findStock(sale: Sale, userId: string): Promise<Sale> {
    const stock = await this.find(stockIdOf(sale, userId));
    if (!stock) throw new Error(`Sale ${sale.id} lacks a segment`);
    return stock;
  }

  /**
   * Sales with stock that are neither drafts nor retired, the first to open first: of one in segments
   * these, and not the sale.
   */
  live(): readonly Sale[] {
    return this.withStock;
  }

  /** The same as buyers and operators know them: without segments, but with the sale. */
  liveOffers(): readonly Sale[] {
    return this.offers;
  }

  /** Tells every process that a sale changed; resolves when this one knows. Never rejects. */
  async announce(saleId: string): Promise<void> {
    this.others.forget(saleId);
    await this.refresher.announce(saleId);
  }

  /** Reads the live sales in a statement that starts after this call. Never rejects. */
  refresh(): Promise<void> {
    return this.refresher.refresh();
  }

  private async readLive(): Promise<void> {
    const live = await this.store.live();
    this.sales = new Map(live.map((sale) => [sale.id, sale]));
    this.withStock = live.filter(({ segments }) => segments === 1);
    this.offers = live.filter(({ segmentOf }) => segmentOf === undefined);
  }
}
