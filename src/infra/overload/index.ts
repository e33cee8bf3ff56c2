export { Overload } from './overload';
export { OverloadModule } from './overload.module';
export { ShedWhenBusy } from './shed-when-busy';
