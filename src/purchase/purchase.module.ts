import { Module } from '@nestjs/common';
import { AuthModule } from '../auth';
import { CaptchaModule } from '../captcha';
import { OverloadModule } from '../infra/overload';
import { OrderModule } from '../order';
import { RiskModule } from '../risk';
import { SaleModule } from '../sale';
import { LotsModule, ThrottleModule } from '../throttle';
import { Admission } from './admission/admission';
import { CaptchaLayer } from './admission/captcha.layer';
import { FrontGate } from './admission/front-gate';
import { OverloadLayer } from './admission/overload.layer';
import { RecentHolds } from './admission/recent-holds';
import { RiskLayer } from './admission/risk.layer';
import { SaleStateLayer } from './admission/sale-state.layer';
import { SaleTokenLayer } from './admission/sale-token.layer';
import { Holding } from './holding';
import { Purchase } from './purchase';
import { PurchaseController } from './purchase.controller';
import { PurchaseAccounts } from './purchase-accounts';
import { PurchaseDurability } from './purchase-durability';
import { RefusalCounts } from './refusal-counts';
import { ReportController } from './report.controller';
import { SaleReports } from './sale-report';
import { SaleTokenController } from './sale-token/sale-token.controller';
import { SaleTokens } from './sale-token/sale-tokens';
import { BuyerOrders } from './timeline/buyer-orders';
import { Timeline } from './timeline/timeline';
import { TimelineController } from './timeline/timeline.controller';
import { Turnstile } from './turnstile';

@Module({
  imports: [AuthModule, CaptchaModule, OrderModule, OverloadModule, RiskModule, SaleModule,
    LotsModule, ThrottleModule],
  providers: [Admission, BuyerOrders, CaptchaLayer, FrontGate, Holding, OverloadLayer, Purchase,
    PurchaseAccounts, PurchaseDurability, RecentHolds, RefusalCounts, RiskLayer, SaleReports, SaleStateLayer,
    SaleTokenLayer, SaleTokens, Timeline, Turnstile],
  controllers: [PurchaseController, ReportController, SaleTokenController, TimelineController],
})
export class PurchaseApiModule {}
