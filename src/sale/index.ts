export { isRedisStrategy, stateOf, unitsAtMost, type Sale, type SaleStatus, type StockStrategy }
  from './sale';
export { archiveRows, restoreRows } from './archived-rows';
export { SaleArchive } from './sale-archive';
export { SaleCatalog } from './sale-catalog';
export { SaleGate } from './sale-gate';
export { SaleLife } from './sale-life';
export { SaleApiModule, SaleModule, SaleWorkerModule } from './sale.module';
export { isSegment, offerOf, stockIdOf, stockIdsOf, unitsOf } from './segments';
export { SaleStore } from './sale-store';
