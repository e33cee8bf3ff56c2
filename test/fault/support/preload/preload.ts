import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Variables of a process that loads this file of the folder before the product. */
function preloading(file: string, variables: Record<string, string>): Record<string, string> {
  return { NODE_OPTIONS: `--import=${pathToFileURL(join(__dirname, file)).href}`, ...variables };
}

/** Its wall clock is off by so much. */
export function withClockOff(ms: number): Record<string, string> {
  return preloading('shifted-clock.mjs', { CLOCK_SHIFT_MS: String(ms) });
}

/** On SIGUSR2 its event loop stands still for so long. */
export function withLoopToBlock(ms: number): Record<string, string> {
  return preloading('blocked-loop.mjs', { BLOCKED_MS: String(ms) });
}

/** What such a process writes when its event loop stops, and when it goes on. */
export const loopIsBlocked = 'event loop blocked';
export const loopGoesOn = 'event loop goes on';
