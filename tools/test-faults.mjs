#!/usr/bin/env node
/**
 * `npm run test:faults`: every fault of test/fault at full length and the whole search of
 * test/model, on servers of its own; then the matrix of faults and promises. Options after `--`:
 * `--seed=N` plays the same dice again; `--rounds=N` plays the scenarios with N seeds;
 * `--only=REGEXP` chooses tests by name; `--scale=short` plays some of them, as `npm test` does,
 * `--scale=small` all of them with fewer shoppers; `--jobs=N` plays N at a time, which spoils the times;
 * `--write` puts the matrix into docs/fault-matrix.md.
 */
import { randomInt } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { say, sayError, step } from './lib/console.mjs';
import { faultMatrix } from './lib/fault-matrix.mjs';
import { root } from './lib/packages.mjs';
import { runJest, runOnTestServers } from './lib/test-run.mjs';

const roundPatienceMs = 4 * 60 * 60 * 1000;
const kept = join(root, '.data/faults');
const resultsPath = join(kept, 'results.jsonl');

const { values: options } = parseArgs({ options: {
  seed: { type: 'string' }, rounds: { type: 'string', default: '1' }, only: { type: 'string' },
  scale: { type: 'string', default: 'full' }, jobs: { type: 'string', default: '1' },
  write: { type: 'boolean', default: false },
} });
const firstSeed = options.seed === undefined ? randomInt(2 ** 30) : Number(options.seed);
const seeds = Array.from({ length: Number(options.rounds) }, (_, round) => firstSeed + round);

await runOnTestServers(async (environment) => {
  rmSync(kept, { recursive: true, force: true });
  mkdirSync(kept, { recursive: true });
  const startedAtMs = Date.now();
  for (const seed of seeds) await play(environment, seed);
  const results = existsSync(resultsPath)
    ? readFileSync(resultsPath, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line)) : [];
  const matrix = faultMatrix(results,
    { seeds, scale: options.scale, date: new Date(), seconds: (Date.now() - startedAtMs) / 1000 });
  say(`\n${matrix}`);
  if (options.only && results.length === 0) say(`No scenario's name matches ${options.only}.`);
  if (options.write) writeFileSync(join(root, 'docs/fault-matrix.md'), matrix);
  if (process.exitCode) say(`histories of what failed: ${kept}`);
});

/** One round; a test that fails is remembered for the exit code and does not stop the next. */
async function play(environment, seed) {
  // What is no scenario knows no seed: once is enough.
  const paths = seed === firstSeed ? ['test/fault', 'test/model'] : scenarioFiles();
  const names = options.only === undefined ? [] : ['-t', options.only];
  const env = { ...environment, FAULT_SEED: String(seed), FAULT_SCALE: options.scale,
    MODEL_SCALE: options.scale, FAULT_RESULTS: resultsPath };
  try {
    await step(`faults with seed ${seed}`, () => runJest(env,
      [`--maxWorkers=${options.jobs}`, '--passWithNoTests', ...paths, ...names], roundPatienceMs),
    { ticking: false });
  } catch (error) {
    process.exitCode = 1;
    sayError(error);
  }
}

/** To load a file of which nothing is played takes a second, too. */
function scenarioFiles() {
  const folder = 'test/fault/scenarios';
  return readdirSync(join(root, folder)).map((name) => `${folder}/${name}`)
    .filter((path) => options.scale !== 'short'
      || readFileSync(join(root, path), 'utf8').includes('short: '));
}
