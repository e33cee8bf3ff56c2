import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { SaleCatalog, stockIdsOf } from '../../sale';
import { StockGate } from '../../stock';
import { BuyerThrottleGuard } from '../../throttle';

/** Sale tokens need no store: they are to be had where the sale goes on without Redis. */
@Injectable()
export class SaleTokenThrottleGuard extends BuyerThrottleGuard {
  @Inject(SaleCatalog) private readonly catalog!: SaleCatalog;
  @Inject(StockGate) private readonly gate!: StockGate;

  protected override async isWithoutRedis(request: FastifyRequest): Promise<boolean> {
    const { saleId } = request.params as { saleId: string };
    // Anybody can make up sales: only of one that this process knows is more asked.
    const sale = this.catalog.peek(saleId);
    const [stockId] = sale ? stockIdsOf(sale) : [];
    return stockId !== undefined && this.gate.isWithoutRedis(stockId);
  }
}
