/** What the commands say on the terminal: messages, steps with their seconds, failures. */

/** A fault that the reader can act on: shown as its message alone, without a stack. */
export class Failure extends Error {}

let stream = process.stdout;

/** Moves all messages to stderr, for commands whose stdout is a result (a token, a table). */
export function sayOnStderr() {
  stream = process.stderr;
}

/** @param {string} message one or more lines without the last line break */
export function say(message) {
  stream.write(`${message}\n`);
}

/**
 * Does one piece of work and says how long it took. On a terminal the line counts the seconds;
 * elsewhere (CI, a file) a line every 15 s shows that a long step is alive.
 *
 * @template T
 * @param {string} name what is being done, as the reader sees it
 * @param {() => Promise<T>} work
 * @param {{ ticking?: boolean }} [options] `ticking: false` for work that itself shows what it does
 * @returns {Promise<T>} what the work came to; its error passes through
 */
export async function step(name, work, { ticking = true } = {}) {
  const startedAtMs = performance.now();
  const elapsed = () => `${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`;
  // On a terminal every line of a ticking step overwrites the one before.
  const overwrites = ticking && stream.isTTY;
  const [start, end] = overwrites ? ['\r', ''] : ['', '\n'];
  const tick = () => stream.write(`${start}${name} … ${elapsed()}${end}`);
  const timer = ticking ? setInterval(tick, overwrites ? 200 : 15_000) : undefined;
  stream.write(`${name} …${end}`);
  try {
    const result = await work();
    say(`${start}${name}: done in ${elapsed()}`);
    return result;
  } catch (error) {
    say(`${start}${name}: failed after ${elapsed()}`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}

/** Shows an error the way its kind asks for: a failure by its message, a defect with its stack. */
export function sayError(error) {
  process.stderr.write(`\n${error instanceof Failure ? error.message : error.stack}\n`);
}
