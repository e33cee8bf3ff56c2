export { RiskAssessor, type Assessment } from './risk-assessor';
export { RiskScores } from './risk-scores';
export { RiskRulesApiModule, RiskRulesModule } from './rules.module';
