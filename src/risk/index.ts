export {
  Blacklist, BlacklistAdministration, type BlacklistCaller, type BlacklistEntry,
  type BlacklistKind, type BlacklistSubject, type NewBlacklistEntry,
} from './blacklist';
export { RiskCaseReview, RiskCaseStore, RiskFindings, RiskPardons, type Finding, type RiskCase }
  from './cases';
export { RiskApiModule, RiskModule, RiskWorkerModule } from './risk.module';
export { RiskAssessor, RiskScores, type Assessment, type RiskAction } from './rules';
export { EarlyAttempts } from './signals';
export type { HoldSubject, PurchaseSubject, RiskSubject, Signals } from './signals';
