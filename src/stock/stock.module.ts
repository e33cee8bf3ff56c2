import { Global, Module } from '@nestjs/common';
import { SaleGate, SaleModule } from '../sale';
import { AdjustmentController } from './adjustment.controller';
import { BuyerLists } from './buyer-lists';
import { Deductions } from './deduction/deductions';
import { RedisSaleGate } from './redis-sale-gate';
import { ReservationIds } from './reservation-ids';
import { SaleEpochs } from './sale-epochs';
import { SegmentLoans } from './segment-loans';
import { SoldOutSales } from './sold-out-sales';
import { StockAdjustments } from './stock-adjustments';
import { StockArchive } from './stock-archive';
import { StockBook } from './stock-book';
import { StockGate } from './stock-gate';
import { StockLedger } from './stock-ledger';
import { StockLoader } from './stock-loader';
import { StockOutbox } from './stock-outbox';
import { StockReader } from './stock-reader';
import { StockRedis } from './stock-redis';

const shared = [BuyerLists, Deductions, ReservationIds, SaleEpochs, SegmentLoans, SoldOutSales,
  StockAdjustments, StockArchive, StockBook, StockGate, StockLedger, StockLoader, StockOutbox,
  StockReader, StockRedis];

/** Global, because the sale module reaches the gate through its own port, not through an import. */
@Global()
@Module({
  imports: [SaleModule],
  providers: [...shared, { provide: SaleGate, useClass: RedisSaleGate }],
  exports: [...shared, SaleGate],
})
export class StockModule {}

@Module({ imports: [SaleModule], controllers: [AdjustmentController] })
export class StockApiModule {}
