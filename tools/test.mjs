#!/usr/bin/env node
/**
 * `npm test`: types, lint, build, then every test on a Redis and a MariaDB of its own. Arguments go
 * to jest (`npm test -- test/e2e`); then types and lint are left out.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { say, step } from './lib/console.mjs';
import { root } from './lib/packages.mjs';
import { runJest, runOnTestServers, runTool } from './lib/test-run.mjs';

const patienceMs = 25 * 60 * 1000;
/** More files than this have not failed for want of processor time. */
const playedAgainAtMost = 3;
const jestArguments = process.argv.slice(2);
const isWhole = jestArguments.length === 0;

await runOnTestServers(isWhole ? testAll
  : (environment) => test(environment, ...jestArguments),
  { check: isWhole ? checkStyle : undefined });

function test(environment, ...further) {
  return step('tests', () => runJest(environment, ['--maxWorkers=2', ...further], patienceMs),
    { ticking: false });
}

/**
 * On a machine that stands still for seconds, questions to Redis run out of their time in whatever
 * test is playing. So the few files that failed are played once more, alone: a defect fails again.
 */
async function testAll(environment) {
  const report = join(environment.TEST_FOLDER, 'report.json');
  try {
    await test(environment, '--json', `--outputFile=${report}`);
  } catch (error) {
    const failed = existsSync(report) ? failedFiles(report) : [];
    if (failed.length === 0 || failed.length > playedAgainAtMost) throw error;
    await step(`again, alone: ${failed.join(', ')}`,
      () => runJest(environment, ['--runInBand', '--forceExit', '--runTestsByPath', ...failed], patienceMs),
      { ticking: false });
    say(`FAILED ONCE, passed alone; find out why: ${failed.join(', ')}`);
  }
}

function failedFiles(report) {
  return JSON.parse(readFileSync(report, 'utf8')).testResults
    .filter(({ status }) => status === 'failed').map(({ name }) => relative(root, name));
}

async function checkStyle() {
  await step('types', () => runTool('typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.json'));
  await step('lint', () => runTool('eslint/bin/eslint.js', '.', '--max-warnings', '0'));
}
