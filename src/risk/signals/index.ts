export { EarlyAttempts } from './early-attempts';
export { HoldBudget } from './hold-budget';
export { RiskRedis } from './risk-redis';
export { RiskSignals, type Hold, type Observation } from './risk-signals';
export { signalMeanings, signalNames, type SignalName, type Signals } from './signals';
export { RiskSignalsModule } from './signals.module';
export { dayMs, hourMs } from './sliding-window';
export type { HoldSubject, PurchaseSubject, RiskSubject } from './subject';
