export { RiskCaseOpening } from './risk-case-opening';
export { RiskCaseStore } from './risk-case-store';
export { RiskCasesApiModule, RiskCasesModule, RiskCasesWorkerModule } from './risk-cases.module';
export { RiskPardons } from './risk-pardons';
export { RiskFindings } from './risk-findings';
