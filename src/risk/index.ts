export { Blacklist, BlacklistAdministration, type BlacklistEntry } from './blacklist';
export { RiskCaseStore, RiskFindings, RiskPardons } from './cases';
export { RiskApiModule, RiskModule, RiskWorkerModule } from './risk.module';
export { RiskAssessor, RiskScores, type Assessment } from './rules';
export { EarlyAttempts, type RiskSubject } from './signals';
