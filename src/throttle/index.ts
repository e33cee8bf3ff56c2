export { BuyerThrottleGuard } from './buyer-throttle.guard';
export { shed } from './shed';
export type { ThrottleSubject } from './subject';
export { Throttle } from './throttle';
export { ThrottleModule } from './throttle.module';
