#!/usr/bin/env node
/**
 * `node tools/run.mjs <name> [arguments]`: runs one of the product's own commands (`token`,
 * `migrate`), the benchmark (`bench`), the crowd simulation (`crowd`) or the capacity planner
 * (`plan`) under Node 24, installing and building first if need be.
 * Its own messages go to stderr: stdout is the command's result.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, sayError, sayOnStderr } from './lib/console.mjs';
import {
  dataFolder, loadEnvironment, productEnvironment, recordedRun,
} from './lib/environment.mjs';
import { nodeProgram, prepare, root } from './lib/packages.mjs';

const experiments = new Map([['bench', 'bench/run.mjs'], ['crowd', 'bench/crowd/run.mjs'],
  ['plan', 'bench/plan/run.mjs']]);

sayOnStderr();
try {
  const [name, ...args] = process.argv.slice(2);
  loadEnvironment();
  await prepare();
  await hand(nodeProgram(), [scriptOf(name), ...args], environmentOf(name));
} catch (error) {
  sayError(error);
  process.exitCode = 1;
}

/** @returns {string} path of the program behind a name */
function scriptOf(name) {
  const path = experiments.has(name)
    ? join(root, experiments.get(name))
    : join(root, 'dist/src/cli', `${name}.js`);
  if (!/^[a-z-]+$/.test(name ?? '') || !existsSync(path)) {
    throw new Failure('usage: npm run <token | migrate | bench | crowd | plan> -- [arguments]');
  }
  return path;
}

/** An experiment brings servers of its own; a command works on those of the running product. */
function environmentOf(name) {
  const folder = dataFolder();
  return experiments.has(name) ? process.env : productEnvironment(folder, recordedRun(folder));
}

/** Lets the program take over: our terminal, the signals sent to us, our exit code. */
function hand(program, args, env) {
  const child = spawn(program, args, { cwd: root, env, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      process.exitCode = code ?? 1;
      resolve();
    });
  });
}
