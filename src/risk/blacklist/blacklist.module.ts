import { Module } from '@nestjs/common';
import { OrderModule } from '../../order';
import { Blacklist } from './blacklist';
import { BlacklistAdministration } from './blacklist-administration';
import { BlacklistStore } from './blacklist-store';
import { BlacklistController } from './blacklist.controller';
import { LateMoney } from './late-money';

/** Needs the global modules of src/infra. */
@Module({
  imports: [OrderModule],
  providers: [Blacklist, BlacklistStore, BlacklistAdministration, LateMoney],
  exports: [Blacklist, BlacklistStore, BlacklistAdministration],
})
export class BlacklistModule {}

@Module({ imports: [BlacklistModule], controllers: [BlacklistController] })
export class BlacklistApiModule {}
