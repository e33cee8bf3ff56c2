import { Module } from '@nestjs/common';
import { OrderModule } from '../order';
import { SaleModule } from '../sale';
import { Purchase } from './purchase';
import { PurchaseController } from './purchase.controller';
import { RefusalCounts } from './refusal-counts';
import { ReportController } from './report.controller';
import { SaleReports } from './sale-report';

@Module({
  imports: [OrderModule, SaleModule],
  providers: [Purchase, RefusalCounts, SaleReports],
  controllers: [PurchaseController, ReportController],
})
export class PurchaseApiModule {}
