import { Module } from '@nestjs/common';
import { AdminProductController } from './admin-product.controller';
import { AdminSaleController } from './admin-sale.controller';
import { Availability } from './availability';
import { DecisionKeeper } from './decision-keeper';
import { SaleArchive } from './sale-archive';
import { SaleCatalog } from './sale-catalog';
import { SaleController } from './sale.controller';
import { SaleLife } from './sale-life';
import { SaleStore } from './sale-store';
import { TimeController } from './time.controller';

/** Needs the global modules of src/infra and a provider of `SaleGate`: the stock module. */
@Module({
  providers: [SaleArchive, SaleStore, SaleCatalog, SaleLife],
  exports: [SaleArchive, SaleStore, SaleCatalog, SaleLife],
})
export class SaleModule {}

@Module({
  imports: [SaleModule],
  providers: [Availability],
  controllers: [TimeController, SaleController, AdminProductController, AdminSaleController],
})
export class SaleApiModule {}

@Module({ imports: [SaleModule], providers: [DecisionKeeper] })
export class SaleWorkerModule {}
