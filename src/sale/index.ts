export { saleOperations, stateOf, type Money, type Product, type Sale, type SaleState,
  type SaleStatus } from './sale';
export { SaleCatalog } from './sale-catalog';
export { SaleGate } from './sale-gate';
export { SaleLife, type NewSale } from './sale-life';
export { SaleApiModule, SaleModule, SaleWorkerModule } from './sale.module';
export { SaleStore } from './sale-store';
