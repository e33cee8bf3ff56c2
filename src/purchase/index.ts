export { PurchaseApiModule } from './purchase.module';
