import { Module } from '@nestjs/common';
import { NotificationModule } from '../../infra/notification';
import { registerQueue, retriedBySweep } from '../../infra/queue';
import { OrderModule } from '../../order';
import { BlacklistModule } from '../blacklist';
import { riskQueue } from './queue';
import { RiskCaseOpening } from './risk-case-opening';
import { RiskCaseReview } from './risk-case-review';
import { RiskCaseStore } from './risk-case-store';
import { RiskCaseController } from './risk-case.controller';
import { RiskCasesProcessor } from './risk-cases.processor';
import { RiskFindings } from './risk-findings';
import { RiskPardons } from './risk-pardons';

const services = [RiskCaseOpening, RiskCaseReview, RiskCaseStore, RiskFindings, RiskPardons];
const queue = registerQueue(riskQueue, retriedBySweep);

@Module({
  imports: [OrderModule, BlacklistModule, NotificationModule, queue],
  providers: services,
  exports: [...services, queue],
})
export class RiskCasesModule {}

@Module({ imports: [RiskCasesModule, OrderModule], controllers: [RiskCaseController] })
export class RiskCasesApiModule {}

@Module({ imports: [RiskCasesModule], providers: [RiskCasesProcessor] })
export class RiskCasesWorkerModule {}
