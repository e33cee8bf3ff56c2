import { Command } from 'ioredis';

/** What the library keeps to itself of a command: it stops the timer when there is an answer. */
interface Timed {
  _commandTimeoutTimer?: NodeJS.Timeout;
}

/**
 * Lets a command that has waited too long look at what has arrived before it gives up. A process that
 * was busy for as long as a command may take finds the end of that time before the answer, which has
 * been lying there: it would blame Redis, and refuse buyers whose units are held.
 */
export function readAnswersBeforeTimeouts(): void {
  Command.prototype.setTimeout = function setTimeoutOf(this: Command, ms: number): void {
    const timed = this as unknown as Timed;
    timed._commandTimeoutTimer ??= setTimeout(() => {
      setImmediate(() => {
        if (!this.isSettled) this.reject(new Error('Command timed out'));
      });
    }, ms);
  };
}
