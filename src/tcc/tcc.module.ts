import { Module } from '@nestjs/common';
import { OrderModule } from '../order';
import { SaleModule } from '../sale';
import { Decisions } from './decisions';
import { Reservations } from './reservations';
import { TccController } from './tcc.controller';
import { Tries } from './tries';

@Module({
  imports: [OrderModule, SaleModule],
  providers: [Decisions, Reservations, Tries],
  controllers: [TccController],
})
export class TccApiModule {}
