export { LeaseSweep } from './lease-sweep';
export { OrderApiModule, OrderModule, OrderWorkerModule } from './order.module';
export type { Order, RejectionReason } from './order';
export { OrderFollowup } from './order-followup';
export { OrderFreeze, type Thaw } from './order-freeze';
export { OrderLife, type PayOutcome, type ResellOutcome } from './order-life';
export { OrderLookup, toView, type OrderView } from './order-lookup';
export { OrderNotices } from './order-notices';
export { isFinal, transitions } from './order-status';
export { OrderStore } from './order-store';
export { OrderWriter } from './order-writer';
export { order as orderSchema, money as moneySchema, orderStatus as orderStatusSchema }
  from './order.schemas';
export type { Cause } from '../stock';
export { toOutboxEntry } from './outbox-entry';
export { orderQueue } from './queues';
