import { Roles as RolesByName } from '../infra/http';

/** What a caller may be beside a buyer; a `service` reserves for the users of its shop. */
export const roles = ['admin', 'risk', 'viewer', 'service'] as const;
export type Role = (typeof roles)[number];

/** Who is asking, as the token says it. */
export interface Identity {
  /** 1 to 128 visible ASCII characters, case-sensitive. */
  readonly userId: string;
  readonly roles: readonly Role[];
  /** When the account was made, in unix seconds; undefined when the issuer does not say. */
  readonly registeredAt?: number;
  /** True when the issuer has checked the buyer's real name. */
  readonly verified?: boolean;
}

/**
 * What a user id may be: visible ASCII, because it becomes a key in Redis and in the database,
 * where look-alikes and invisible characters would make two buyers of one.
 */
export const userIdPattern = /^[\x21-\x7e]{1,128}$/;

/** Only holders of one of these roles may call; on a handler it overrides its controller. */
export const Roles = (...names: Role[]) => RolesByName(...names);
