#!/usr/bin/env node
/**
 * `npm run bench [-- --rounds 3 --requests 4096 --backlog 20000]`: every family of scenarios, in
 * less than ten minutes; writes bench/results/latest.{json,md,svg}. With names of families
 * (`npm run bench -- --durability --edge`) only these, at length, each into a file of its own.
 * What each is and how to read it: bench/README.md.
 */
import { parseArgs } from 'node:util';
import { measureBacklog } from './families/backlog.mjs';
import { compareSchemes } from './families/durability.mjs';
import { measureEdge } from './families/edge.mjs';
import { measureGrowth } from './families/growth.mjs';
import { measureOpenLoop } from './families/open-loop.mjs';
import { measureOpening } from './families/opening.mjs';
import { measurePaths } from './families/paths.mjs';
import { measureProfile } from './families/profile.mjs';
import { measureRedisScript } from './families/redis-script.mjs';
import { compareStockSchemes } from './families/schemes.mjs';
import { measureSegments } from './families/segments.mjs';
import { compareStrategies } from './families/strategies.mjs';
import { measureMixedSales, measureProcesses, measureThrottles } from './families/variants.mjs';
import { stopServersOnSignal } from './lib/folders.mjs';
import { startGround } from './lib/ground.mjs';
import { connections, Generator } from './lib/load.mjs';
import { watchStolenTime } from './lib/processes.mjs';
import { percentOf, show, writeAll, writeFamily } from './lib/report.mjs';

/**
 * `short`: how much smaller a family is in the run of all; `apart`: it brings servers of its own;
 * `alone`: it is not part of the run of all.
 */
const families = {
  paths: { title: 'Every way through the product', measure: measurePaths },
  openLoop: { title: 'Purchases at a fixed rate, whole funnel on', measure: measureOpenLoop,
    short: { rounds: 0.7 } },
  opening: { title: 'The opening second: all buyers at once, ten for each unit',
    measure: measureOpening, short: { rounds: 0.7 } },
  throttles: { title: 'Throttles, rest of the funnel off', measure: measureThrottles,
    short: { requests: 0.5 } },
  mixedSales: { title: 'Many sales at once, whole funnel on', measure: measureMixedSales,
    short: { requests: 0.5, rounds: 0.7 } },
  processes: { title: 'API processes on one port, whole funnel on', measure: measureProcesses,
    short: { requests: 0.5, rounds: 0.7 } },
  redisScript: { title: 'The limit: the reserve script alone', measure: measureRedisScript,
    apart: true },
  stockSchemes: { title: 'Schemes to take units out of a stock in Redis',
    measure: compareStockSchemes, apart: true, short: { rounds: 0.7 } },
  drain: { title: 'A backlog becomes rows', measure: measureBacklog, apart: true,
    short: { rounds: 0.3 } },
  durability: { title: 'Schemes of DURABILITY, funnel off', measure: compareSchemes, apart: true,
    short: { requests: 0.5, rounds: 0.3 } },
  strategies: { title: 'Strategies, funnel off', measure: compareStrategies, apart: true,
    short: { requests: 0.25, rounds: 0.3 } },
  edge: { title: 'Crowds at the product and at the edge', measure: measureEdge, apart: true,
    alone: true },
  profile: { title: 'Where CPU time and memory go, whole funnel on', measure: measureProfile,
    apart: true, alone: true },
  segments: { title: 'One sale over several nodes of a Redis Cluster, funnel off',
    measure: measureSegments, apart: true, alone: true },
  growth: { title: 'The same purchase in a shop that grows', measure: measureGrowth, apart: true,
    alone: true },
};
const optionOf = (name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const { values } = parseArgs({ options: {
  rounds: { type: 'string', default: '3' },
  requests: { type: 'string', default: '4096' },
  minutes: { type: 'string', default: '9' },
  seconds: { type: 'string', default: '3' },
  crowd: { type: 'string', default: '10000' },
  commands: { type: 'string', default: '20000' },
  backlog: { type: 'string', default: '20000' },
  sales: { type: 'string', default: '1000' },
  'buyers-before': { type: 'string', default: '100000' },
  orders: { type: 'string', default: '1000000' },
  ...Object.fromEntries(Object.keys(families).map((name) => [optionOf(name), { type: 'boolean' }])),
} });
const sizes = { rounds: Number(values.rounds), requests: multipleOfConnections(values.requests),
  seconds: Number(values.seconds), crowd: Number(values.crowd), commands: Number(values.commands),
  backlog: multipleOfConnections(values.backlog), connections, sales: Number(values.sales),
  buyersBefore: Number(values['buyers-before']), orders: Number(values.orders) };
const startedAt = performance.now();
stopServersOnSignal();
const chosen = Object.keys(families).filter((name) => values[optionOf(name)]);
if (chosen.length === 0) {
  const all = Object.keys(families).filter((name) => !families[name].alone);
  writeAll(families, sizes, await measureEach(all, (name) => shortened(families[name].short)));
} else {
  await measureEach(chosen, () => sizes,
    (name, result) => { writeFamily(optionOf(name), sizes, result); });
}

/** Those on common ground first: it is gone before others start servers of their own. */
async function measureEach(names, sizesOf, whenDone = () => undefined) {
  const results = {};
  const measureAll = async (ground, isApart) => {
    for (const name of names.filter((each) => Boolean(families[each].apart) === isApart)) {
      if (secondsSoFar() > values.minutes * 60) {
        say(`${name}: left out, ${values.minutes} minutes are over`);
        continue;
      }
      const stolenShare = watchStolenTime();
      const result = await tryToMeasure(name, ground, sizesOf(name));
      results[name] = { ...result, stolenShare: stolenShare() };
      if (result.rows) whenDone(name, results[name]);
      say(`${name} done after ${Math.round(secondsSoFar())} s; ${
        percentOf(results[name].stolenShare)} of the CPU time was taken by the machine's host`);
    }
  };
  if (names.some((name) => !families[name].apart)) {
    await using ground = await startGround(say);
    await measureAll(ground, false);
  }
  await using generator = new Generator();
  await measureAll({ generator, say }, true);
  return results;
}

/** What other families have measured is not lost with one that fails. */
async function tryToMeasure(name, ground, familySizes) {
  try {
    const result = await families[name].measure(ground, familySizes);
    show(families[name], result);
    return result;
  } catch (error) {
    process.exitCode = 1;
    say(`${name} FAILED: ${error.stack}`);
    return { failed: error.message };
  }
}

function secondsSoFar() {
  return (performance.now() - startedAt) / 1_000;
}

function shortened({ rounds = 1, requests = 1 } = {}) {
  return { ...sizes, rounds: Math.max(1, Math.round(sizes.rounds * rounds)),
    requests: multipleOfConnections(sizes.requests * requests) };
}

function multipleOfConnections(text) {
  return Math.ceil(Number(text) / connections) * connections;
}

function say(text) {
  console.error(text);
}
