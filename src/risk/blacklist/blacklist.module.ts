import { Module } from '@nestjs/common';
import { Blacklist } from './blacklist';
import { BlacklistAdministration } from './blacklist-administration';
import { BlacklistStore } from './blacklist-store';
import { BlacklistController } from './blacklist.controller';

/** Needs the global modules of src/infra. */
@Module({
  providers: [Blacklist, BlacklistStore, BlacklistAdministration],
  exports: [Blacklist, BlacklistStore, BlacklistAdministration],
})
export class BlacklistModule {}

@Module({ imports: [BlacklistModule], controllers: [BlacklistController] })
export class BlacklistApiModule {}
