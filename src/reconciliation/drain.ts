import { Injectable, Logger } from '@nestjs/common';
import { OrderWriter, toOutboxEntry } from '../order';
import type { Sale } from '../sale';
import { StockReader } from '../stock';
import { DatabaseIsOlder } from './database-is-older';
import { LostOrders, type LossDecision } from './lost-orders';

/** What became of the records of a sale; `lost` and `writtenAgain` count lost orders. */
export interface Drained {
  drained: number;
  lost: number;
  writtenAgain: number;
}

/** The part of S11 that asks what Redis holds and the database does not know. */
@Injectable()
export class Drain {
  private readonly logger = new Logger('Recovery');

  constructor(
    private readonly reader: StockReader,
    private readonly writer: OrderWriter,
    private readonly lostOrders: LostOrders,
  ) {}

  /**
   * Writes what is held. Under this epoch, whichever it was held in: whether there are units for it
   * is asked here and now, and another runner's epoch refuses it. Takes as long as the database
   * does: what was acknowledged is not given up for being many. Throws DatabaseIsOlder when Redis
   * remembers orders that the database has lost, unless the operator said what becomes of them.
   */
  async run(sale: Sale, epoch: number, decision?: LossDecision): Promise<Drained> {
    const result: Drained = { drained: 0, lost: 0, writtenAgain: 0 };
    for await (const page of this.reader.scan(sale.id)) {
      const lost = await this.lostOrders.among(sale.id, page);
      result.lost += lost.length;
      if (lost.length > 0 && decision === 'write_again') {
        result.writtenAgain += await this.lostOrders.writeAgain(sale, epoch, lost);
      }
      const entries = page.filter(({ status }) => status === 'reserved')
        .map((record) => ({ ...toOutboxEntry(record), epoch }));
      if (entries.length === 0) continue;
      await this.writer.write(sale, entries);
      result.drained += entries.length;
    }
    if (result.lost > 0) this.report(sale.id, result, decision);
    return result;
  }

  private report(saleId: string, { lost, writtenAgain }: Drained, decision?: LossDecision): void {
    if (decision === undefined) throw new DatabaseIsOlder(lost);
    this.logger.error({ msg: 'the database lost orders', saleId, lost, decision, writtenAgain });
  }
}
