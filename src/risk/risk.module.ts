import { Module } from '@nestjs/common';
import { BlacklistApiModule, BlacklistModule, LateMoneyModule } from './blacklist';
import { RiskCasesApiModule, RiskCasesModule, RiskCasesWorkerModule } from './cases';
import { RiskRulesApiModule, RiskRulesModule } from './rules';

@Module({
  imports: [BlacklistModule, LateMoneyModule, RiskCasesModule, RiskRulesModule],
  exports: [BlacklistModule, RiskCasesModule, RiskRulesModule],
})
export class RiskModule {}

@Module({ imports: [BlacklistApiModule, RiskCasesApiModule, RiskRulesApiModule] })
export class RiskApiModule {}

@Module({ imports: [RiskCasesWorkerModule] })
export class RiskWorkerModule {}
