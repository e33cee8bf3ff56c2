import { Inject, Injectable, Logger } from '@nestjs/common';
import { APP_CONFIG, type AppConfig } from '../config';
import { Database } from '../infra/database';
import { Metrics } from '../infra/metrics';
import { OrderArchive } from '../order';
import { SaleArchive } from '../sale';
import { StockArchive } from '../stock';

/** Of each table in one transaction: short, so that nobody waits behind it for long. */
const rowsAtOnce = 500;
/** Of each minute; the rest of it belongs to the sales that sell. */
const worksForMs = 5_000;

/**
 * Moves the rows of sales that are long over out of the tables that sales sell from. A row is in one
 * of the two tables at any moment; a crash leaves some moved, and the next run goes on from there.
 */
@Injectable()
export class Archiver {
  private readonly logger = new Logger('Archiver');
  private readonly afterDays: number | undefined;

  constructor(
    @Inject(APP_CONFIG) config: AppConfig,
    private readonly database: Database,
    private readonly sales: SaleArchive,
    private readonly orders: OrderArchive,
    private readonly stock: StockArchive,
    private readonly metrics: Metrics,
  ) {
    this.afterDays = config.archiveAfterDays;
  }

  /** Works for some seconds at most, one runner at a time. Resolves to how many rows it moved. */
  async run(): Promise<number> {
    const { afterDays } = this;
    if (afterDays === undefined) return 0;
    const untilMs = performance.now() + worksForMs;
    const locked = await this.database.withLock('archive', async (lost) => {
      let moved = 0;
      for (const saleId of await this.sales.due(afterDays)) {
        const isOver = () => lost.aborted || performance.now() > untilMs;
        if (!isOver()) moved += await this.tryArchive(saleId, isOver);
      }
      return moved;
    });
    return locked.ran ? locked.result : 0;
  }

  /** One sale's fault must not keep the others from the archive. */
  private async tryArchive(saleId: string, isOver: () => boolean): Promise<number> {
    let moved = 0;
    try {
      for (let batch = 1; batch > 0 && !isOver(); moved += batch) {
        batch = await this.moveBatch(saleId);
      }
      if (!isOver() && await this.finish(saleId)) {
        this.logger.log({ msg: 'sale archived', saleId, rows: moved });
      }
    } catch (error) {
      this.logger.error({ msg: 'sale not archived', saleId, error: String(error),
        action: 'the next run tries again' });
    }
    return moved;
  }

  private async moveBatch(saleId: string): Promise<number> {
    const moved = await this.database.transaction(async (transaction) => {
      // Who brings a row back for a refund looks for it in both tables, and must find it in one.
      await this.sales.lock(transaction, saleId);
      return await this.orders.move(transaction, saleId, rowsAtOnce)
        + await this.stock.move(transaction, saleId, rowsAtOnce);
    });
    this.metrics.archivedRowsTotal.inc(moved);
    return moved;
  }

  /** False while an order is under review, and when one has come back meanwhile. */
  private finish(saleId: string): Promise<boolean> {
    return this.database.transaction(async (transaction) => {
      await this.sales.lock(transaction, saleId);
      const isEmpty = await this.orders.isEmpty(transaction, saleId)
        && await this.stock.isEmpty(transaction, saleId);
      if (isEmpty) await this.sales.close(transaction, saleId);
      return isEmpty;
    });
  }
}
