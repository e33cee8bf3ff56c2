export { Blacklist } from './blacklist';
export { BlacklistAdministration } from './blacklist-administration';
export type { BlacklistEntry } from './blacklist-entry';
export { BlacklistApiModule, BlacklistModule, LateMoneyModule } from './blacklist.module';
