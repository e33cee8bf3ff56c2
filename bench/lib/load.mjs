// Load, and what it cost: closed loops (every connection sends its next request when it has the
// answer to the last) and open ones (requests are due at fixed times, whatever the server does).
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { percentiles } from './statistics.mjs';
import { saleTokenOf } from './requests.mjs';

export const connections = 64;
/** Enough for whatever waits in an open loop below the server's capacity. */
const openConnections = 256;
const patienceMs = 180_000;

/** The process that sends the load. */
export class Generator {
  #child = fork(join(import.meta.dirname, 'generator.mjs'), { serialization: 'advanced' });
  #gone = once(this.#child, 'exit').then(() => { throw new Error('the load generator is gone'); });

  constructor() {
    this.#gone.catch(() => undefined); // Of interest only to who waits for an answer.
  }

  /**
   * Sends the requests to a program. `arrivals`: when each is due (an open loop); without it a
   * closed loop. Resolves, for each request in turn, to `startedAt` and `tookMs` (milliseconds),
   * `statuses` and, if asked for, `bodies`; and to the first body of each refusal by status
   * (`examples`), the bytes on the wire and the generator's own CPU seconds. Rejects when a request
   * has no answer.
   */
  async play({ url }, requests, { arrivals, connections: wanted, keepBodies = false } = {}) {
    const most = wanted ?? (arrivals ? openConnections : connections);
    const timer = setTimeout(() => { this.#child.kill('SIGKILL'); }, patienceMs);
    this.#child.send({ port: Number(new URL(url).port), requests, arrivals, keepBodies,
      connections: Math.min(most, requests.length) });
    const [{ record, error }] = await Promise.race([once(this.#child, 'message'), this.#gone]);
    clearTimeout(timer);
    if (error) throw new Error(`not every request was answered: ${error}`);
    return record;
  }

  async [Symbol.asyncDispose]() {
    if (this.#child.connected) this.#child.disconnect();
    await this.#gone.catch(() => undefined);
  }
}

/**
 * Plays requests and resolves to figures: see `figuresOf`. The cost of each part (`program.cost()`)
 * is counted until `settled` has resolved, which gets the record: what the load leaves behind to do
 * is of its cost, too.
 */
export async function measure(generator, program, requests, { settled, ...options } = {}) {
  const before = program.cost();
  const record = await generator.play(program, requests, options);
  await settled?.(record);
  return { ...figuresOf(record), ...costOf(before, program.cost(), record),
    megabytes: Math.round(program.megabytes()) };
}

/**
 * Requests a second from the first start to the last answer, latencies, answers by status, and of
 * each refusal an example.
 */
export function figuresOf({ startedAt, tookMs, statuses, examples }) {
  const counts = {};
  let end = 0;
  for (const [index, status] of statuses.entries()) {
    counts[status] = (counts[status] ?? 0) + 1;
    end = Math.max(end, startedAt[index] + tookMs[index]);
  }
  const seconds = (end - startedAt[0]) / 1_000;
  return { requests: statuses.length, seconds, perSecond: statuses.length / seconds,
    statuses: counts, examples, latencyMs: percentiles(tookMs) };
}

/** CPU seconds for a thousand requests, by part; the bytes of one request and of one answer. */
function costOf(before, after, { statuses, cpuSeconds, bytesIn, bytesOut }) {
  const thousands = statuses.length / 1_000;
  const parts = Object.entries(after).map(([part, seconds]) =>
    [part, (seconds - before[part]) / thousands]);
  return { cpuSeconds: { ...Object.fromEntries(parts), generator: cpuSeconds / thousands },
    bytes: { request: bytesOut / statuses.length, answer: bytesIn / statuses.length } };
}

/** The same buyers, each with a sale token. */
export async function withSaleTokens(generator, program, saleId, crowd) {
  const record = await generator.play(program,
    crowd.map((buyer) => saleTokenOf(buyer, saleId)), { keepBodies: true });
  expectOnly(figuresOf(record), '201');
  const tokens = record.bodies.map((body) => JSON.parse(body).token);
  return crowd.map((buyer, index) => ({ ...buyer, saleToken: tokens[index] }));
}

/** Throws when a request was answered in another way. */
export function expectOnly({ statuses, examples }, ...expected) {
  const other = Object.keys(statuses).find((status) => !expected.includes(status));
  if (other === undefined) return;
  throw new Error(`answers beside ${expected.join(' and ')}: ${JSON.stringify(statuses)}; `
    + `the first ${other}: ${examples[other]}`);
}
