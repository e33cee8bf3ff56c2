import { Injectable } from '@nestjs/common';
import type { Transaction } from '../infra/database';
import { SaleGate, type StockStrategy } from '../sale';
import { SaleEpochs } from './sale-epochs';
import { StockBook } from './stock-book';
import { StockLoader } from './stock-loader';
import { StockReader } from './stock-reader';

/** What the sale module needs of the stock: how many are left, and the operator's word in force. */
@Injectable()
export class RedisSaleGate extends SaleGate {
  constructor(
    private readonly reader: StockReader,
    private readonly loader: StockLoader,
    private readonly epochs: SaleEpochs,
    private readonly book: StockBook,
  ) {
    super();
  }

  override async prepare(transaction: Transaction, saleId: string, strategy: StockStrategy,
    stock: number): Promise<void> {
    await this.book.resize(transaction, saleId, strategy, stock);
  }

  override async available(
    saleIds: readonly string[]): Promise<ReadonlyMap<string, number | undefined>> {
    const { inDatabase, inRedis } = await this.gatesOf(saleIds);
    const [fromRedis, fromDatabase] = await Promise.all([
      inRedis.length === 0 ? new Map<string, number>() : this.reader.available(inRedis),
      this.book.available(inDatabase),
    ]);
    return new Map<string, number | undefined>([...fromRedis, ...fromDatabase]);
  }

  override async states(saleIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return this.reader.states((await this.gatesOf(saleIds)).inRedis);
  }

  /** Where the database is the gate, by its own word and nobody's memory, it asks the sale's own row. */
  override async apply(saleId: string, state: 'open' | 'paused' | 'closed'): Promise<void> {
    if ((await this.epochs.now(saleId)).gate !== 'database') await this.loader.apply(saleId, state);
  }

  private async gatesOf(saleIds: readonly string[]) {
    const inDatabase: string[] = [];
    const inRedis: string[] = [];
    await Promise.all(saleIds.map(async (saleId) => {
      const { gate } = await this.epochs.of(saleId);
      (gate === 'database' ? inDatabase : inRedis).push(saleId);
    }));
    return { inDatabase, inRedis };
  }
}
