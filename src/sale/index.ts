export { isRedisStrategy, saleOperations, stateOf, unitsAtMost, type Money, type Product, type RedisOutage,
  type Sale, type SaleState, type SaleStatus, type StockStrategy } from './sale';
export { archiveRows, restoreRows } from './archived-rows';
export { SaleArchive } from './sale-archive';
export { SaleCatalog } from './sale-catalog';
export { SaleGate } from './sale-gate';
export { SaleLife, type NewSale } from './sale-life';
export { SaleApiModule, SaleModule, SaleWorkerModule } from './sale.module';
export { isSegment, offerOf, stockIdOf, stockIdsOf, unitsOf } from './segments';
export { SaleStore } from './sale-store';
