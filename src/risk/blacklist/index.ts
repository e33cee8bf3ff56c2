export { Blacklist } from './blacklist';
export { BlacklistAdministration } from './blacklist-administration';
export type {
  BlacklistEntry, BlacklistKind, BlacklistSubject, NewBlacklistEntry,
} from './blacklist-entry';
export type { BlacklistCaller } from './blacklist-table';
export { BlacklistApiModule, BlacklistModule } from './blacklist.module';
