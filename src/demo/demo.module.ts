import { Module } from '@nestjs/common';
import { ReconciliationModule } from '../reconciliation';
import { SaleModule } from '../sale';
import { DemoSale } from './demo-sale';
import { DemoShopController } from './demo-shop.controller';

/** The shop page and a sale to show in it; imported only under DEMO, and only with the role api. */
@Module({
  imports: [ReconciliationModule, SaleModule],
  providers: [DemoSale],
  controllers: [DemoShopController],
})
export class DemoShopModule {}
