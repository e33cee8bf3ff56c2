#!/usr/bin/env node
/**
 * `npm run audit`: asks the package registry for known weaknesses of what runs in production. Exits 1
 * when one is high or critical. A registry that has no answer to that question, or cannot be reached,
 * is said plainly and is no failure: there it cannot be known.
 */
import { spawnSync } from 'node:child_process';
import { Failure, say, sayError } from './lib/console.mjs';
import { root } from './lib/packages.mjs';

const patienceMs = 120_000;
const grave = ['high', 'critical'];

try {
  judge(auditReport());
} catch (error) {
  process.exitCode = 1;
  sayError(error);
}

/** @returns {object} what npm says, whatever its exit code */
function auditReport() {
  const { stdout, stderr, error } = spawnSync('npm', ['audit', '--omit=dev', '--json'],
    { cwd: root, encoding: 'utf8', timeout: patienceMs, maxBuffer: 64 * 1024 ** 2 });
  if (error !== undefined && error.code !== 'ETIMEDOUT') throw error;
  if (error !== undefined) return { message: `no answer within ${patienceMs / 1000} s` };
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Failure(`npm audit did not work:\n${stderr.trimEnd()}`);
  }
}

/** Throws a `Failure` when something must be done. */
function judge({ vulnerabilities, metadata, message, error }) {
  if (metadata !== undefined) {
    const found = Object.values(vulnerabilities).filter(({ severity }) => grave.includes(severity));
    if (found.length > 0) {
      const lines = found.map(({ name, severity, range }) => `${severity}: ${name} ${range}`.trimEnd());
      throw new Failure(['known weaknesses of dependencies:', ...lines].join('\n'));
    }
    say(`dependency audit: nothing high or critical in ${metadata.dependencies.prod} packages`);
  } else if (message !== undefined) {
    say(`dependency audit: NOT CHECKED, the registry gave no answer (${message})`);
  } else {
    throw new Failure(`npm audit did not work: ${error?.summary}`);
  }
}
