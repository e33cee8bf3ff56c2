export { Doubts } from './doubts';
export { Preload } from './preload';
export { Reconciler } from './reconciler';
export { ReconciliationApiModule, ReconciliationModule, ReconciliationWorkerModule }
  from './reconciliation.module';
export { Recovery } from './recovery';
export { StockSnapshots, type StockSnapshot } from './stock-snapshots';
