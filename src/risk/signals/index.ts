export { EarlyAttempts } from './early-attempts';
export { HoldBudget } from './hold-budget';
export { RiskRedis } from './risk-redis';
export { RiskSignals, type Hold } from './risk-signals';
export { signalNames, type Signals } from './signals';
export { RiskSignalsModule } from './signals.module';
export { hourMs } from './sliding-window';
export type { HoldSubject, PurchaseSubject, RiskSubject } from './subject';
