export { TccApiModule } from './tcc.module';
