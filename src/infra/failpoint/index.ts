/**
 * Named points at which a fault test lets this process die, as kill -9 does: the environment
 * variable FAILPOINT names one. Without it, as everywhere else, a point is one comparison.
 */
export type Failpoint = 'relay-before-queue' | 'relay-before-acknowledge' | 'writer-before-commit'
  | 'writer-in-transaction' | 'writer-after-commit' | 'reserve-before-script'
  | 'reserve-before-reply' | 'pay-before-settle'
  | `${'cancelled' | 'expired' | 'refunded' | 'frozen'}-before-release`
  | 'recovery-after-close' | 'recovery-after-epoch' | 'recovery-during-load'
  | 'adjust-between-sides' | 'thaw-before-commit' | 'thaw-after-commit'
  | `loan-${'before' | 'between' | 'after'}-sides`
  | 'database-mode-after-switch' | 'direct-before-commit' | 'direct-after-commit';

const chosen = process.env['FAILPOINT'];

/** Dies here when FAILPOINT names this point. */
export function failpoint(name: Failpoint): void {
  if (chosen === name) process.kill(process.pid, 'SIGKILL');
}
