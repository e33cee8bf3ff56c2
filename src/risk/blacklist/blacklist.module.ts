import { Module } from '@nestjs/common';
import { OrderModule } from '../../order';
import { Blacklist } from './blacklist';
import { BlacklistAdministration } from './blacklist-administration';
import { BlacklistStore } from './blacklist-store';
import { BlacklistController } from './blacklist.controller';
import { LateMoney } from './late-money';

/** Needs the global modules of src/infra. */
@Module({
  providers: [Blacklist, BlacklistStore, BlacklistAdministration],
  exports: [Blacklist, BlacklistStore, BlacklistAdministration],
})
export class BlacklistModule {}

/** Wherever money is taken. */
@Module({ imports: [BlacklistModule, OrderModule], providers: [LateMoney] })
export class LateMoneyModule {}

@Module({ imports: [BlacklistModule], controllers: [BlacklistController] })
export class BlacklistApiModule {}
