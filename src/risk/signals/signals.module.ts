import { Module } from '@nestjs/common';
import { OrderModule } from '../../order';
import { HoldBudget } from './hold-budget';
import { RiskRedis } from './risk-redis';
import { RiskSignals } from './risk-signals';

/** Belongs into every process that decides orders, too: decisions give places back. */
@Module({
  imports: [OrderModule],
  providers: [HoldBudget, RiskRedis, RiskSignals],
  exports: [HoldBudget, RiskRedis, RiskSignals],
})
export class RiskSignalsModule {}
