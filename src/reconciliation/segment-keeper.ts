import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { SaleCatalog, SaleLife, stockIdsOf, type Sale } from '../sale';
import { SegmentLoans } from '../stock';

const intervalMs = 5_000;
const system = { actor: 'segments', ip: '', traceId: '0'.repeat(32) };

/** Completes loans between segments that a crash left half done, and ends sales with their segments. */
@Injectable()
export class SegmentKeeper implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('SegmentKeeper');
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;

  constructor(
    private readonly catalog: SaleCatalog,
    private readonly life: SaleLife,
    private readonly loans: SegmentLoans,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.running ??= this.look().finally(() => { this.running = undefined; });
    }, intervalMs).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  /** One sale's fault must not keep the others from being looked at. */
  async look(): Promise<void> {
    for (const sale of this.catalog.liveOffers().filter(({ segments }) => segments > 1)) {
      try {
        await this.keep(sale);
      } catch (error) {
        this.logger.warn({ msg: 'segments not looked after', saleId: sale.id, error: String(error),
          action: 'trying again' });
      }
    }
  }

  private async keep(sale: Sale): Promise<void> {
    const finished = await this.loans.finishAll(sale);
    if (finished > 0) this.logger.log({ msg: 'loans completed', saleId: sale.id, loans: finished });
    const isRetired = stockIdsOf(sale).every((id) => this.catalog.peek(id) === undefined);
    if (isRetired) await this.life.retire(sale.id, system);
  }
}
