export { DemoShopModule } from './demo.module';
