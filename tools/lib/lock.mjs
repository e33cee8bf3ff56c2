/** A lock on a folder that no crash can leave stuck and no race can give to two processes. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identityOf } from './processes.mjs';

const attemptsMaximum = 5;
const retryPauseMs = 150;

/**
 * Every contender first puts down a file named after itself, then looks for others. Whoever sees
 * another living one takes its own file back; of two that start together at least one sees the
 * other, so never do both hold. Files of the dead are removed by anyone: their names, made of pid
 * and start time, never come back.
 *
 * @param {string} folder made when it is not there
 * @returns {Promise<{ release(): void } | { heldBy: number }>} the lock, or the pid that has it
 */
export async function tryLock(folder) {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const own = identityOf(process.pid);
  const release = () => rmSync(join(folder, own), { force: true });
  for (let attempt = 1; ; attempt += 1) {
    writeFileSync(join(folder, own), '');
    const other = livingOther(folder, own);
    if (other === undefined) return { release };
    release();
    if (attempt === attemptsMaximum) return { heldBy: other };
    // Two that start together may both step back: they try again at different moments.
    await sleep(Math.random() * retryPauseMs);
  }
}

/** Holds the lock while the work is done, after waiting for whoever has it now. */
export async function withLock(folder, work) {
  let lock = await tryLock(folder);
  while (!('release' in lock)) {
    await sleep(retryPauseMs);
    lock = await tryLock(folder);
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}

/** @returns {number | undefined} the pid of a living holder or contender beside ourselves */
function livingOther(folder, own) {
  for (const identity of readdirSync(folder)) {
    if (identity === own) continue;
    const pid = Number.parseInt(identity, 10);
    if (identityOf(pid) === identity) return pid;
    rmSync(join(folder, identity), { force: true });
  }
  return undefined;
}
