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
  say(describePlan({ sale, figures, size, minute, machine }));
  const folder = resolve(out);
  mkdirSync(folder, { recursive: true });
  const [json, picture] = ['plan.json', 'opening-minute.svg'].map((name) => join(folder, name));
  writeFileSync(json, `${JSON.stringify({ sale, figures, size,
    warnings: warnings({ sale, figures, size, minute }), ...minute }, null, 1)}\n`);
  writeFileSync(picture, drawMinute(minute.points, `${sale.qps.toLocaleString('en')} requests/s, ${
    sale.units.toLocaleString('en')} units: ${size.processes} API processes, ${
    size.redisServers} Redis servers, ${size.writers} workers`));
  say(`\nwritten: ${json}\n         ${picture}`);
}

function readResults(path) {
  if (!existsSync(path)) return {};
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Failure(`${path} is not what npm run bench writes: ${error.message}`);
  }
}
