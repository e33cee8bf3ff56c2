#!/usr/bin/env node
/**
 * `npm run plan -- --qps 1000000 --units 10000 …`: what to order for a sale, from what `npm run
 * bench` measured, and its opening minute simulated. Prints tables and writes plan.json and
 * opening-minute.svg into the folder given by --out. Flags: options.mjs; the page about it:
 * docs/capacity.md.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Failure, say, sayError } from '../../tools/lib/console.mjs';
import { OverloadMeter } from '../../dist/src/infra/overload/overload-meter.js';
import { usage } from './options.mjs';
import {
  describePlan, drawMinute, readFigures, readOptions, simulate, sizeOf, warnings,
} from './plan.mjs';

const latestResults = join(import.meta.dirname, '../results/latest.json');

try {
  if (process.argv.includes('--help')) say(usage());
  else plan(readOptions(process.argv.slice(2)));
} catch (error) {
  sayError(error);
  process.exitCode = 1;
}

function plan({ sale, given, results: path, out }) {
  const results = readResults(path);
  const figures = readFigures(results, given);
  const size = sizeOf(sale, figures);
  const minute = simulate(sale, figures, size, new OverloadMeter());
  const machine = `${results.cpu ?? 'no machine measured'}, ${results.cores ?? '?'} cores`;
  say(`${describePlan({ sale, figures, size, minute, machine })}\n`);
  const title = `${sale.qps.toLocaleString('en')} requests/s, ${sale.units.toLocaleString('en')} `
    + `units: ${size.processes} API processes, ${size.redisServers} Redis servers, ${size.writers} `
    + 'workers';
  write(resolve(out), {
    'plan.json': `${JSON.stringify({ sale, figures, size,
      warnings: warnings({ sale, figures, size, minute }), ...minute }, null, 1)}\n`,
    'opening-minute.svg': drawMinute(minute.points, title),
  });
}

/** Figures of the last benchmark; none where it has not run, since all of them can be given. */
function readResults(path) {
  if (path === undefined && !existsSync(latestResults)) return {};
  try {
    const results = JSON.parse(readFileSync(path ?? latestResults, 'utf8'));
    if (typeof results?.date === 'string') return results;
  } catch (error) {
    throw new Failure(`--results cannot be read: ${error.message}`);
  }
  throw new Failure('--results is not what npm run bench writes');
}

function write(folder, contents) {
  try {
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of Object.entries(contents)) {
      writeFileSync(join(folder, name), text);
      say(`written: ${join(folder, name)}`);
    }
  } catch (error) {
    throw new Failure(`--out cannot be written: ${error.message}`);
  }
}
