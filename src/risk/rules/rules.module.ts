import { Module } from '@nestjs/common';
import { RiskSignalsModule } from '../signals';
import { ActiveRules } from './active-rules';
import { DryRun } from './dry-run';
import { RecentAttempts } from './recent-attempts';
import { RiskAssessor } from './risk-assessor';
import { RiskScores } from './risk-scores';
import { RuleSetStore } from './rule-set-store';
import { RulesController } from './rules.controller';

const services = [ActiveRules, DryRun, RecentAttempts, RiskAssessor, RiskScores, RuleSetStore];

/** Rates attempts; with the signals, which every process that decides orders has to feed. */
@Module({
  imports: [RiskSignalsModule],
  providers: services,
  exports: [...services, RiskSignalsModule],
})
export class RiskRulesModule {}

@Module({ imports: [RiskRulesModule], controllers: [RulesController] })
export class RiskRulesApiModule {}
