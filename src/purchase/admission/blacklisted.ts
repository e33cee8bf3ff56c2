import { ProblemError } from '../../kernel';
import type { BlacklistEntry } from '../../risk';

/** Says for how long, so that nobody waits in vain; never why, which would teach whom to imitate. */
export function blacklisted(entry: BlacklistEntry | undefined): ProblemError | undefined {
  if (entry === undefined) return undefined;
  const until = entry.expiresAtMs === undefined ? ''
    : ` until ${new Date(entry.expiresAtMs).toISOString()}`;
  return new ProblemError('BLACKLISTED',
    `You cannot buy here${until}. If that is a mistake, ask the shop to review it.`);
}
