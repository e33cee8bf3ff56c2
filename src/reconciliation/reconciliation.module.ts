import { Module } from '@nestjs/common';
import { HealthModule } from '../infra/health';
import { registerQueue, retriedByNextRun } from '../infra/queue';
import { OrderModule } from '../order';
import { SaleModule } from '../sale';
import { Archiver } from './archiver';
import { DatabaseMode } from './database-mode';
import { Doubts } from './doubts';
import { Drain } from './drain';
import { LookAgain, reconciliationQueue } from './look-again';
import { LossDecisions } from './loss-decisions';
import { LostOrders } from './lost-orders';
import { LostOrdersController } from './lost-orders.controller';
import { OfferSnapshots } from './offer-snapshots';
import { Preload } from './preload';
import { Reconciler } from './reconciler';
import { ReconciliationController } from './reconciliation.controller';
import { ReconciliationProcessor } from './reconciliation.processor';
import { ReconciliationRuns } from './reconciliation-runs';
import { RedisSighting } from './redis-sighting';
import { Recovery } from './recovery';
import { RecoveryWatch } from './recovery-watch';
import { Repair } from './repair';
import { RetiredSales } from './retired-sales';
import { SegmentKeeper } from './segment-keeper';
import { StockGauges } from './stock-gauges';
import { StockSnapshots } from './stock-snapshots';

const services = [Archiver, DatabaseMode, Doubts, Drain, LossDecisions, LostOrders, OfferSnapshots,
  Preload, Reconciler, ReconciliationRuns, Recovery, Repair, RetiredSales, StockSnapshots];

@Module({
  imports: [OrderModule, SaleModule],
  providers: [...services, StockGauges],
  exports: services,
})
export class ReconciliationModule {}

@Module({
  imports: [HealthModule, ReconciliationModule],
  controllers: [LostOrdersController, ReconciliationController],
  providers: [RedisSighting],
})
export class ReconciliationApiModule {}

@Module({
  imports: [ReconciliationModule, SaleModule, registerQueue(reconciliationQueue, retriedByNextRun)],
  providers: [LookAgain, RecoveryWatch, ReconciliationProcessor, SegmentKeeper],
})
export class ReconciliationWorkerModule {}
