import { Module } from '@nestjs/common';
import { OrderModule } from '../../order';
import { EarlyAttempts } from './early-attempts';
import { HoldBudget } from './hold-budget';
import { RiskRedis } from './risk-redis';
import { RiskSignals } from './risk-signals';

/** Belongs into every process that decides orders, too: decisions give places back. */
@Module({
  imports: [OrderModule],
  providers: [EarlyAttempts, HoldBudget, RiskRedis, RiskSignals],
  exports: [EarlyAttempts, HoldBudget, RiskRedis, RiskSignals],
})
export class RiskSignalsModule {}
