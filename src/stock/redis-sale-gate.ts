import { Injectable } from '@nestjs/common';
import { SaleGate } from '../sale';
import { StockLoader } from './stock-loader';
import { StockReader } from './stock-reader';

/** What the sale module needs of the stock: how many are left, and the operator's word in force. */
@Injectable()
export class RedisSaleGate extends SaleGate {
  constructor(
    private readonly reader: StockReader,
    private readonly loader: StockLoader,
  ) {
    super();
  }

  override available(saleIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.reader.available(saleIds);
  }

  override apply(saleId: string, state: 'open' | 'paused' | 'closed'): Promise<void> {
    return this.loader.apply(saleId, state);
  }
}
