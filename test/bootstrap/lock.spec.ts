import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const lockModule = resolve(__dirname, '../../tools/lib/lock.mjs');
// Holds the lock for a while when it gets it, so that all contenders meet the same holder.
const contender = `
  import { tryLock } from ${JSON.stringify(lockModule)};
  const lock = await tryLock(process.argv[1]);
  console.log('release' in lock ? 'held' : 'refused');
  if ('release' in lock) setTimeout(lock.release, 3000);`;

describe('the lock on a data folder', () => {
  let folder: string;
  const contend = async () => {
    const args = ['--input-type=module', '-e', contender, folder];
    return (await promisify(execFile)(process.execPath, args)).stdout.trim();
  };

  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'fairdrop-lock-')); });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('goes to exactly one of eight that start together', async () => {
    const outcomes = await Promise.all(Array.from({ length: 8 }, contend));
    expect(outcomes.filter((outcome) => outcome === 'held')).toHaveLength(1);
  });

  it('is not kept by the dead, nor by a stranger who was given the pid of the dead', async () => {
    writeFileSync(join(folder, '4000000-1-00000000'), '');
    writeFileSync(join(folder, `${process.pid}-1-00000000`), '');
    expect(await contend()).toBe('held');
  });
});
