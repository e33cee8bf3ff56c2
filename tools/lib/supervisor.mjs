/** Keeps a service alive: one that dies is started again, with a message and a growing pause. */
import { setTimeout as sleep } from 'node:timers/promises';
import { say } from './console.mjs';

const pauseMinimumMs = 200;
const pauseMaximumMs = 5_000;
const steadyMs = 30_000;

/**
 * @typedef {object} Service one run of a program
 * @property {Promise<unknown>} ready resolves when it serves, rejects when it cannot start
 * @property {Promise<string>} exited resolves with the reason once the program is gone
 * @property {(signal?: NodeJS.Signals) => void} kill
 * @property {() => Promise<void>} stop ends it cleanly and waits for that
 */

export class Supervisor {
  #name;
  #launch;
  #service = null;
  #pauseMs = pauseMinimumMs;

  /**
   * @param {string} name as messages call it
   * @param {() => Service} launch starts one run; called again after each death
   */
  constructor(name, launch) {
    this.#name = name;
    this.#launch = launch;
  }

  /**
   * Starts the service; a first start that fails throws, for no repetition would mend it.
   *
   * @returns {Promise<unknown>} what the service's `ready` resolves with
   */
  async start() {
    const service = this.#launch();
    this.#service = service;
    const result = await service.ready;
    void this.#keepAlive(service);
    return result;
  }

  /** Stops the service, at whatever point it is, and keeps it stopped. */
  async stop() {
    const service = this.#service;
    this.#service = null;
    await service?.stop();
  }

  /** Ends the service at once. */
  kill() {
    const service = this.#service;
    this.#service = null;
    service?.kill('SIGKILL');
  }

  async #keepAlive(service) {
    const startedAtMs = Date.now();
    const reason = await service.exited;
    // Stopped on purpose, or another run has taken its place.
    if (this.#service !== service) return;
    say(`${this.#name} ended unexpectedly (${reason}): starting it again`);
    const steady = Date.now() - startedAtMs > steadyMs;
    this.#pauseMs = steady ? pauseMinimumMs : Math.min(this.#pauseMs * 2, pauseMaximumMs);
    await sleep(this.#pauseMs);
    if (this.#service !== service) return;
    const next = this.#launch();
    this.#service = next;
    next.ready.then(() => say(`${this.#name} is back`), () => undefined);
    await this.#keepAlive(next);
  }
}
