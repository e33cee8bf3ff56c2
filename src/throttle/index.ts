export { BuyerThrottleGuard } from './buyer-throttle.guard';
export { Lots } from './lots';
export { shed } from './shed';
export type { ThrottleSubject } from './subject';
export { Throttle } from './throttle';
export { LotsModule, ThrottleModule } from './throttle.module';
