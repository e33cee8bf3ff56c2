import { createHash } from 'node:crypto';
import { encodeBase32 } from '../../kernel';

export const blacklistKinds = ['user', 'ip', 'device'] as const;
export type BlacklistKind = (typeof blacklistKinds)[number];

/** What an entry is about; there is one entry a subject. */
export interface BlacklistSubject {
  readonly kind: BlacklistKind;
  /** In the canonical form that `canonicalValue` gives: a user, an address or range, a device. */
  readonly value: string;
}

/** Whom to exclude, why, and until when: milliseconds since 1970, for ever without it. */
export interface NewBlacklistEntry extends BlacklistSubject {
  /** For operators and reviewers, at most 500 characters; buyers are never told. */
  readonly reason: string;
  readonly expiresAtMs?: number;
}

export interface BlacklistEntry extends NewBlacklistEntry {
  /** The user id of whoever decided, or the part of the product that did. */
  readonly createdBy: string;
  readonly createdAtMs: number;
}

/** Whether the entry excludes anybody at this moment; at its expiry it does no longer. */
export function isInForce({ expiresAtMs }: NewBlacklistEntry, nowMs: number): boolean {
  return expiresAtMs === undefined || nowMs < expiresAtMs;
}

/**
 * Names a subject where its value cannot stand, as in the audit log and in cursors: the same id
 * each time the subject is put on the list.
 */
export function blacklistId({ kind, value }: BlacklistSubject): string {
  const digest = createHash('sha256').update(`${kind}:${value}`).digest();
  return `blacklist_${encodeBase32(digest.subarray(0, 15))}`;
}
