import { Module } from '@nestjs/common';
import { registerQueue, retriedByNextRun } from '../infra/queue';
import { OrderModule } from '../order';
import { SaleModule } from '../sale';
import { Preload } from './preload';
import { Reconciler } from './reconciler';
import { ReconciliationController } from './reconciliation.controller';
import { reconciliationQueue, ReconciliationProcessor } from './reconciliation.processor';
import { ReconciliationRuns } from './reconciliation-runs';
import { Recovery } from './recovery';
import { RecoveryWatch } from './recovery-watch';
import { Repair } from './repair';
import { StockGauges } from './stock-gauges';
import { StockSnapshots } from './stock-snapshots';

const services = [Preload, Reconciler, ReconciliationRuns, Recovery, Repair, StockSnapshots];

@Module({
  imports: [OrderModule, SaleModule],
  providers: [...services, StockGauges],
  exports: services,
})
export class ReconciliationModule {}

@Module({ imports: [ReconciliationModule], controllers: [ReconciliationController] })
export class ReconciliationApiModule {}

@Module({
  imports: [ReconciliationModule, SaleModule, registerQueue(reconciliationQueue, retriedByNextRun)],
  providers: [RecoveryWatch, ReconciliationProcessor],
})
export class ReconciliationWorkerModule {}
