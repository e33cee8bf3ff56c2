export type { RiskAction, RuleFinding } from './compiled-rules';
export { RiskAssessor, type Assessment } from './risk-assessor';
export { RiskScores } from './risk-scores';
export { RiskRulesApiModule, RiskRulesModule } from './rules.module';
