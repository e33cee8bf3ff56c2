#!/usr/bin/env node
/**
 * `npm run test:mutants`: switches the guards of test/mutants/mutants.mjs off, one at a time, in a
 * throw-away copy of this folder, and runs the tests that must notice. Exits with 1 when no
 * test notices. Options after `--`: `--only=REGEXP` chooses guards by name;
 * `--write` puts the table into docs/mutants.md.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync }
  from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { mutants } from '../test/mutants/mutants.mjs';
import { Failure, say, sayError, step } from './lib/console.mjs';
import { nodeProgram, root } from './lib/packages.mjs';
import { run } from './lib/processes.mjs';
import { runOnTestServers } from './lib/test-run.mjs';

const patienceOfOneMs = 4 * 60_000;
const notCopied = new Set(['node_modules', '.git', '.data', 'dist']);
/** These tests run the built program, all others the sources. */
const needsBuild = /^test\/(fault|e2e)\//;

const { values: { only, write } } = parseArgs({ options: {
  only: { type: 'string', default: '' }, write: { type: 'boolean', default: false },
} });

await runOnTestServers(async (environment) => {
  const chosen = mutants.filter(({ guard }) => new RegExp(only).test(guard));
  if (chosen.length === 0) throw new Failure(`No guard has a name like ${only}`);
  const tree = copyTree(join(environment.TEST_FOLDER, 'tree'));
  const specs = [...new Set(chosen.flatMap((mutant) => mutant.specs))];
  const { failed, broken } = await step('all guards on', () => runSpecs(tree, environment, specs),
    { ticking: false });
  const faults = [...failed, ...broken];
  if (faults.length > 0) {
    process.exitCode = 1;
    say(`  these fail with all guards on and prove nothing:\n  ${faults.join('\n  ')}`);
  }
  const results = [];
  for (const mutant of chosen) {
    // What fails anyway is no witness.
    const witnesses = mutant.specs.filter((spec) => !faults.some((fault) => fault.includes(spec)));
    results.push(await tryMutant(tree, environment, { ...mutant, specs: witnesses }));
  }
  report(results);
});

function copyTree(tree) {
  mkdirSync(tree);
  cpSync(root, tree, { recursive: true,
    filter: (path) => !notCopied.has(relative(root, path)) });
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
  return tree;
}

/** @returns {Promise<object>} the mutant, and `noticedBy`: the first test that failed, if one did */
async function tryMutant(tree, environment, mutant) {
  if (mutant.specs.length === 0) return mutant;
  const path = join(tree, mutant.path);
  const original = readFileSync(path, 'utf8');
  try {
    return await step(`without ${mutant.guard}`, async () => {
      writeFileSync(path, textWithout(original, mutant));
      const { failed: [noticedBy], broken } = await runSpecs(tree, environment, mutant.specs);
      say(`  ${noticedBy === undefined ? `NO TEST NOTICED ${broken}` : `noticed by ${noticedBy}`}`);
      return { ...mutant, noticedBy };
    }, { ticking: false });
  } catch (error) {
    // A guard that is not found, or cannot be built without, shows nothing; the others still do.
    sayError(error);
    return mutant;
  } finally {
    writeFileSync(path, original);
  }
}

/** @returns {string} the text of the mutant's file with its guard switched off */
function textWithout(text, { guard, path, find, replace }) {
  const count = text.split(find).length - 1;
  if (count !== 1) throw new Failure(`${guard}: its text is ${count} times in ${path}, not once`);
  return text.replace(find, () => replace);
}

/**
 * @returns {Promise<{ failed: string[], broken: string[] }>} tests that failed, and files that failed
 *   as a whole
 */
async function runSpecs(tree, environment, specs) {
  if (specs.some((spec) => needsBuild.test(spec))) {
    await run(nodeProgram(), [join(tree, 'node_modules/@nestjs/cli/bin/nest.js'), 'build'],
      { cwd: tree });
  }
  const output = join(tree, 'result.json');
  rmSync(output, { force: true });
  const problem = await run(nodeProgram(), ['--experimental-vm-modules',
    join(tree, 'node_modules/jest/bin/jest.js'), '--maxWorkers=2', '--json',
    `--outputFile=${output}`, ...specs],
  { cwd: tree, env: environment, timeoutMs: specs.length * patienceOfOneMs })
    .catch((error) => error);
  if (!existsSync(output)) throw new Failure(`The tests came to no end: ${problem.message}`);
  return readResults(tree, output);
}

function readResults(tree, output) {
  const { testResults } = JSON.parse(readFileSync(output, 'utf8'));
  const isFailed = ({ status }) => status === 'failed';
  return {
    failed: testResults.flatMap(({ name, assertionResults }) => assertionResults.filter(isFailed)
      .map(({ fullName }) => `\`${relative(tree, name)}\`: ${fullName}`)),
    broken: testResults.filter((result) => isFailed(result) && !result.assertionResults.some(isFailed))
      .map(({ name, message }) => `${relative(tree, name)}\n${message.slice(0, 2_000)}`),
  };
}

function report(results) {
  const lines = results.map(({ guard, path, noticedBy = '**no test**' }) =>
    `| ${guard} | \`${path}\` | ${noticedBy.replaceAll('|', '\\|')} |`);
  const table = ['| without | in | noticed by |', '|---|---|---|', ...lines].join('\n');
  say(`\n${table}\n`);
  if (write) writeFileSync(join(root, 'docs/mutants.md'), documentOf(table, results.length));
  const missing = results.filter(({ noticedBy }) => noticedBy === undefined);
  if (missing.length === 0) return;
  process.exitCode = 1;
  const guards = missing.map(({ guard }) => guard).join(', ');
  sayError(new Failure(`No test notices when these are gone: ${guards}`));
}

function documentOf(table, count) {
  return `# Every guard is held by a test
Each line is a guard of the protocol, switched off alone in a copy of the sources, and the first test that
failed without it. Made by \`npm run test:mutants -- --write\` on ${new Date().toISOString().slice(0, 10)}
with ${count} guards; \`test/mutants/mutants.mjs\` says how each is switched off.

${table}
`;
}
