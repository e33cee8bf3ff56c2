/** Packages, Node 24 and the build: everything between a bare clone and a program in dist/. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure, step } from './console.mjs';
import { withLock } from './lock.mjs';
import { run } from './processes.mjs';

/** The project's folder. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

const node24 = join(root, 'node_modules/node/bin/node');
const packageStamp = join(root, 'node_modules/.installed');
const buildStamp = join(root, 'dist/.built');
const setupLock = join(root, '.data/setup');

const packageSources = ['package-lock.json'];
const buildSources = ['src', 'migrations', 'nest-cli.json', 'tsconfig.json', 'tsconfig.build.json'];

/**
 * The Node 24 that runs the product: the one among the packages, or the one that runs us.
 *
 * @returns {string} path of the program
 * @throws {Failure} when neither is there (a registry without a build for this machine)
 */
export function nodeProgram() {
  if (existsSync(node24)) return node24;
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 24 || (major === 24 && minor >= 9)) return process.execPath;
  throw new Failure(`fairdrop runs on Node 24.9 or newer; this is ${process.versions.node}, and the
packages brought none for this machine. Either let npm run the install script of the package
"node" (npm rebuild node), or start with a Node 24 of your own.`);
}

/** Installs packages and builds when anything changed since the last time; else does nothing. */
export async function prepare() {
  await ensurePackages();
  await ensureBuild();
}

/** Installs what the lock file says when it differs from the one that was last installed. */
export async function ensurePackages() {
  const fingerprint = fingerprintOf(packageSources);
  const isInstalled = () => stampAt(packageStamp) === fingerprint;
  if (isInstalled()) return;
  await withLock(setupLock, async () => {
    if (isInstalled()) return;
    await step('installing packages, Node 24 among them', installPackages);
    writeFileSync(packageStamp, fingerprint);
  });
}

async function installPackages() {
  // Inside `npm start` PATH may lead to the Node that npm is about to replace: take npm's own.
  const npm = process.env.npm_execpath ?? '';
  const command = basename(npm) === 'npm-cli.js'
    ? [process.env.npm_node_execpath ?? process.execPath, npm]
    : ['npm'];
  // The build needs the development packages even where NODE_ENV=production would leave them out.
  // Not `npm ci`: it refuses a registry that lacks packages which only other platforms need.
  const options = ['--no-save', '--include=dev', '--prefer-offline', '--loglevel=error'];
  const [program, ...args] = [...command, 'install', ...options];
  await run(program, args, { cwd: root });
}

/**
 * Builds dist/ when a source differs from what was last built.
 *
 * @param {{ keep?: boolean }} [options] `keep`: build over the old dist/, quicker, for watching;
 *   otherwise it is removed first, so that nothing of deleted sources stays
 * @returns {Promise<boolean>} whether it built
 */
export async function ensureBuild({ keep = false } = {}) {
  const fingerprint = fingerprintOf(buildSources);
  const isBuilt = () => stampAt(buildStamp) === fingerprint;
  if (isBuilt()) return false;
  return withLock(setupLock, async () => {
    if (isBuilt()) return false;
    rmSync(keep ? buildStamp : join(root, 'dist'), { recursive: true, force: true });
    const nest = join(root, 'node_modules/@nestjs/cli/bin/nest.js');
    await step('building', () => run(nodeProgram(), [nest, 'build'], { cwd: root }));
    writeFileSync(buildStamp, fingerprint);
    return true;
  });
}

function stampAt(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}

/** Names and contents of the files: times would rebuild after every checkout. */
function fingerprintOf(names) {
  const hash = createHash('sha256');
  for (const name of names) {
    const path = join(root, name);
    const files = !existsSync(path) ? []
      : statSync(path).isDirectory() ? filesBelow(name) : [name];
    for (const file of files) hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}

function filesBelow(folder) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1))
    .sort();
}
