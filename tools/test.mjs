#!/usr/bin/env node
/**
 * `npm test`: types, lint, build, then every test on a Redis and a MariaDB of its own. Arguments go
 * to jest (`npm test -- test/e2e`); then types and lint are left out.
 */
import { step } from './lib/console.mjs';
import { runJest, runOnTestServers, runTool } from './lib/test-run.mjs';

/** For a run that hangs; one on a slow machine may take half of it. */
const patienceMs = 60 * 60 * 1000;
const jestArguments = process.argv.slice(2);

await runOnTestServers(
  (environment) => step('tests',
    () => runJest(environment, ['--maxWorkers=2', ...jestArguments], patienceMs),
    { ticking: false }),
  { check: jestArguments.length === 0 ? checkStyle : undefined });

async function checkStyle() {
  await step('types', () => runTool('typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.json'));
  await step('lint', () => runTool('eslint/bin/eslint.js', '.', '--max-warnings', '0'));
}
