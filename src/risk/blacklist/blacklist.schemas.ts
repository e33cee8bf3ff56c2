import { z } from 'zod';
import { userIdPattern } from '../../auth';
import { deviceIdPattern, pageSchema, validationFailed } from '../../infra/http';
import { assertUnreachable } from '../../kernel';
import { readRange } from './address-range';
import { blacklistId, blacklistKinds, type BlacklistEntry, type BlacklistKind,
  type BlacklistSubject } from './blacklist-entry';

/** Far beyond every ban, and within what the database can hold. */
const latestMs = Date.UTC(2100, 0);

export const kindParameter = z.enum(blacklistKinds);
export const valueParameter = z.string().min(1).max(128).meta({
  description: 'Percent-encoded. `user`: a user id. `ip`: an IPv4 or IPv6 address, or a network '
    + 'such as `203.0.113.0%2F24`. `device`: what the client sends as `X-Device-Id`.',
});

/** The body of `PUT …/blacklist/{kind}/{value}`, and the rest of a line of CSV. */
export const newEntryBody = z.strictObject({
  reason: z.string().trim().min(1).max(500)
    .regex(/^\P{Cc}*$/u, { error: 'One line, without control characters' })
    .meta({ description: 'For operators and reviewers; the buyer is not told' }),
  expiresAt: z.iso.datetime({ offset: true, abort: true })
    .transform((text) => Date.parse(text))
    .refine((timeMs) => timeMs < latestMs, 'Until 2099; leave it out for ever')
    .optional().meta({ description: 'From then on it excludes nobody; without it, for ever' }),
}).meta({
  id: 'NewBlacklistEntry',
  examples: [{ reason: 'Resells what he buys', expiresAt: '2026-02-28T00:00:00Z' }],
});

const entryFields = z.object({
  id: z.string().meta({ description: 'The subject of its audit entries' }),
  kind: kindParameter,
  value: z.string(),
  reason: z.string(),
  createdBy: z.string(),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().optional(),
});
const sample = {
  id: 'blacklist_0a1b2c3d4e5f6g7h8j9k0m1n', kind: 'ip', value: '203.0.113.0/24',
  reason: 'Bought by script on 31 January', createdBy: 'operator',
  createdAt: '2026-01-31T10:00:00.000Z', expiresAt: '2026-02-28T00:00:00.000Z',
};

export const entryView = entryFields.meta({ id: 'BlacklistEntry', examples: [sample] });
export type EntryView = z.infer<typeof entryView>;

export const entryPage = pageSchema(entryFields).meta({
  id: 'BlacklistPage', examples: [{ items: [sample], nextCursor: null }],
});

export const importBody = z.strictObject({
  csv: z.string().min(1).meta({
    description: 'RFC 4180. The first line names the columns: `kind`, `value`, `reason`, '
      + '`expiresAt`; an export is a valid import.',
  }),
}).meta({
  id: 'BlacklistImport',
  examples: [{ csv: 'kind,value,reason,expiresAt\r\nuser,mallory,Resells,\r\n' }],
});
export const importResult = z.object({ entries: z.int().min(0) })
  .meta({ id: 'BlacklistImported', examples: [{ entries: 1 }] });

export function viewOf(entry: BlacklistEntry): EntryView {
  const { createdAtMs, expiresAtMs, ...facts } = entry;
  return {
    id: blacklistId(entry),
    ...facts,
    createdAt: new Date(createdAtMs).toISOString(),
    ...(expiresAtMs !== undefined && { expiresAt: new Date(expiresAtMs).toISOString() }),
  };
}

/** The subject in canonical form; or the fault of its value, as a sentence. */
export function readSubject(kind: BlacklistKind, value: string):
  BlacklistSubject | { fault: string } {
  switch (kind) {
    case 'user': return userIdPattern.test(value) ? { kind, value }
      : { fault: 'A user id has 1 to 128 visible ASCII characters' };
    case 'device': return deviceIdPattern.test(value) ? { kind, value }
      : { fault: 'A device id has 1 to 128 visible ASCII characters' };
    case 'ip': {
      const read = readRange(value);
      return 'fault' in read ? read : { kind, value: read.range };
    }
    default: return assertUnreachable(kind);
  }
}

/** The same for a path; throws VALIDATION_FAILED. */
export function requireSubject(kind: BlacklistKind, value: string): BlacklistSubject {
  const subject = readSubject(kind, value);
  if ('fault' in subject) throw validationFailed({ path: 'value', message: subject.fault });
  return subject;
}
