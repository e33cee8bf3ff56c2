import { randomInt } from 'node:crypto';
import { appendFileSync, copyFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeViolations, rulesFor, type RuleName } from '../history/check-history';
import { PrivateServers, type ServerSettings } from './private-servers';
import { Random } from './random';
import { isWhole, scale, Stage, type Outcome, type StageSettings } from './stage';

/** How a scenario is played, and where it stands in the matrix. */
export interface ScenarioSettings extends StageSettings {
  /** The name of its row in the matrix of docs/fault-matrix.md. */
  row: string;
  /** Whether it is played within `npm test` as well. */
  short?: boolean;
  /** Settings of servers of its own; without them those of the file are used. */
  servers?: ServerSettings;
  /** Of `run` and of the checks after it; default 400. */
  timeoutSeconds?: number;
  /** Why it cannot be played on this machine: then the matrix says that it was not. */
  obstacle?: string;
}

/** One line of the file named by FAULT_RESULTS. Times are milliseconds. */
export interface FaultResult {
  fault: string;
  seed: number;
  result: 'ok' | 'violated' | 'failed' | 'not run';
  invariants: Partial<Record<RuleName, 'ok' | 'violated' | 'counted'>>;
  lost?: number;
  recoveryMs?: number;
  balancedMs?: number;
  acknowledged?: number;
  refused?: number;
  error?: string;
}

/** What is counted, and no violation, where Redis really lost what it had acknowledged. */
const relaxed: readonly RuleName[] = ['I8', 'acknowledged is decided'];
const startAndStopMs = 180_000;
const seed = Number(process.env.FAULT_SEED ?? randomInt(2 ** 31));

let shared: Promise<PrivateServers> | undefined;

afterAll(() => stopShared(), 60_000);

/**
 * A test of one fault: shoppers buy while `run` does harm and heals it; then all is checked.
 * `examine` may expect more of what it came to. FAULT_SEED plays the same dice again.
 */
export function scenario(name: string, settings: ScenarioSettings,
  run: (stage: Stage) => Promise<void>,
  examine: (stage: Stage, outcome: Outcome) => unknown = () => undefined): void {
  const { row, obstacle } = settings;
  const isDue = settings.short === true || isWhole;
  if (isDue && obstacle !== undefined) {
    write({ fault: row, seed, result: 'not run', invariants: {}, error: obstacle });
  }
  const define = isDue && obstacle === undefined ? it : it.skip;
  define(name, async () => {
    const own = settings.servers && await PrivateServers.start(settings.servers);
    const servers = own ?? await (shared ??= PrivateServers.start());
    let isSound = false;
    try {
      await play(name, servers, settings, run, examine);
      isSound = true;
    } finally {
      await own?.stop();
      // Nobody knows in which state a scenario that failed has left them.
      if (!own && !isSound) await stopShared();
    }
  }, timeoutMsOf(settings) + startAndStopMs);
}

function timeoutMsOf({ timeoutSeconds = 400 }: ScenarioSettings): number {
  return timeoutSeconds * 1_000;
}

async function play(name: string, servers: PrivateServers, settings: ScenarioSettings,
  run: (stage: Stage) => Promise<void>,
  examine: (stage: Stage, outcome: Outcome) => unknown): Promise<void> {
  process.stdout.write(`${name}: FAULT_SEED=${seed} FAULT_SCALE=${scale}\n`);
  let stage: Stage | undefined;
  let outcome: Outcome | undefined;
  try {
    stage = await Stage.start(servers, new Random(seed).sub(name), settings);
    // Jest would leave the shoppers and the processes behind.
    outcome = await within(timeoutMsOf(settings), run(stage).then(() => stage?.finish()));
    if (!outcome) throw new Error(`It took longer than ${timeoutMsOf(settings)} ms`);
    if (outcome.violations.length > 0) throw new Error(describeViolations(outcome.violations));
    await examine(stage, outcome);
    report(settings, outcome);
  } catch (error) {
    const { message } = error as Error;
    report(settings, outcome, message);
    keepHistory(stage, settings);
    throw new Error(`${name}, FAULT_SEED=${seed}: ${message}`, { cause: error });
  } finally {
    await stage?.stop();
  }
}

function report({ row, mayLose = false }: ScenarioSettings, outcome?: Outcome,
  error?: string): void {
  const broken = new Set(outcome?.violations.map(({ rule }) => rule));
  const markOf = (rule: RuleName) => {
    if (broken.has(rule)) return 'violated';
    return mayLose && relaxed.includes(rule) ? 'counted' : 'ok';
  };
  const result: FaultResult = {
    fault: row, seed, result: broken.size > 0 ? 'violated' : error === undefined ? 'ok' : 'failed',
    invariants: outcome ? Object.fromEntries(
      rulesFor(outcome.books).map((rule) => [rule, markOf(rule)])) : {},
    ...(outcome && { lost: outcome.lost.length, balancedMs: Math.round(outcome.balancedMs),
      acknowledged: outcome.acknowledged, refused: outcome.refused }),
    ...(outcome?.recoveryMs !== undefined && { recoveryMs: Math.round(outcome.recoveryMs) }),
    ...(error !== undefined && { error }),
  };
  write(result);
}

function write({ invariants, ...shown }: FaultResult): void {
  process.stdout.write(`${JSON.stringify(shown)}\n`);
  const { FAULT_RESULTS: path } = process.env;
  if (path !== undefined) appendFileSync(path, `${JSON.stringify({ ...shown, invariants })}\n`);
}

/** Of a scenario that failed, beside the results. */
function keepHistory(stage: Stage | undefined, { row }: ScenarioSettings): void {
  const { FAULT_RESULTS: results } = process.env;
  if (!stage || results === undefined) return;
  copyFileSync(stage.history.path,
    join(dirname(results), `${row.replace(/\W+/g, '-')}-${seed}.jsonl`));
}

/** Undefined when the work takes longer; whoever gave it up stops what it works on. */
async function within<Value>(ms: number, work: Promise<Value>): Promise<Value | undefined> {
  const timer = new AbortController();
  work.catch(() => undefined); // it may fail long after that
  const late = sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
}

async function stopShared(): Promise<void> {
  const servers = await shared;
  shared = undefined;
  await servers?.stop();
}
