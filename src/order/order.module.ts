import { Module } from '@nestjs/common';
import { OverloadModule } from '../infra/overload';
import { registerQueue, retriedByNextRun, retriedBySweep } from '../infra/queue';
import { SaleModule } from '../sale';
import { AcknowledgedPurchases } from './acknowledged-purchases';
import { DirectOrders } from './direct-orders';
import { DirectWriter } from './direct-writer';
import { ExpiryProcessor } from './expiry.processor';
import { HintedSales } from './hinted-sales';
import { LeaseSweep } from './lease-sweep';
import { OrderArchive } from './order-archive';
import { OrderBacklog } from './order-backlog';
import { OrderCancellation } from './order-cancellation';
import { OrderEventsController } from './order-events.controller';
import { OrderFollowup } from './order-followup';
import { OrderFreeze } from './order-freeze';
import { OrderLife } from './order-life';
import { OrderLookup } from './order-lookup';
import { OrderNotices } from './order-notices';
import { OrderRelay } from './order-relay';
import { OrderResale } from './order-resale';
import { OrderStore } from './order-store';
import { OrderWriter } from './order-writer';
import { OrderController } from './order.controller';
import { OrderProcessor } from './order.processor';
import { OutageExpiry } from './outage-expiry';
import { OverdueOrders } from './overdue-orders';
import { expiryQueue, orderQueue, sweepQueue } from './queues';
import { SweepsProcessor } from './sweeps.processor';
import { UnitHolder } from './unit-holder';

const services = [AcknowledgedPurchases, DirectOrders, DirectWriter, HintedSales, LeaseSweep,
  OrderArchive, OrderBacklog, OrderCancellation, OrderFollowup, OrderFreeze, OrderLife,
  OrderLookup, OrderNotices, OrderResale, OrderStore, OrderWriter, OverdueOrders, UnitHolder];
const queues = [registerQueue(orderQueue, retriedBySweep),
  registerQueue(expiryQueue, retriedBySweep), registerQueue(sweepQueue, retriedByNextRun)];

@Module({
  imports: [OverloadModule, SaleModule, ...queues],
  providers: services,
  exports: [...services, ...queues],
})
export class OrderModule {}

@Module({ imports: [OrderModule], controllers: [OrderController, OrderEventsController] })
export class OrderApiModule {}

@Module({
  imports: [SaleModule, OrderModule],
  providers: [OrderRelay, OrderProcessor, ExpiryProcessor, OutageExpiry, SweepsProcessor],
})
export class OrderWorkerModule {}
