import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { until } from '../support/until';

const lockModule = resolve(__dirname, '../../tools/lib/lock.mjs');
// Who gets the lock keeps it until its input ends, so that all contenders meet the same holder.
const contender = `
  import { tryLock } from ${JSON.stringify(lockModule)};
  const lock = await tryLock(process.argv[1]);
  console.log('release' in lock ? 'held' : 'refused');
  if ('release' in lock) process.stdin.resume().on('end', lock.release);`;

jest.setTimeout(180_000);

describe('the lock on a data folder', () => {
  let folder: string;

  /** Starts a contender. `leave` lets it give back what it has, and resolves when it is gone. */
  function contend() {
    const child = spawn(process.execPath, ['--input-type=module', '-e', contender, folder],
      { stdio: ['pipe', 'pipe', 'inherit'] });
    const gone = once(child, 'close');
    const outcome = Promise.race([
      once(child.stdout, 'data').then(([text]) => String(text).trim()),
      gone.then(([code]) => `ended with ${String(code)}`),
    ]);
    child.stdin.on('error', () => undefined); // who was refused does not read it
    const leave = async () => {
      child.stdin.end();
      await gone;
    };
    return { outcome, leave };
  }

  /** What becomes of so many that start together. */
  async function outcomesOf(count: number): Promise<string[]> {
    const contenders = Array.from({ length: count }, contend);
    const outcomes = await Promise.all(contenders.map(({ outcome }) => outcome));
    await Promise.all(contenders.map(({ leave }) => leave()));
    return outcomes;
  }

  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'fairdrop-lock-')); });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('goes to exactly one of eight that start together', async () => {
    const held = await until('not all have stepped back for each other', async () => {
      const outcomes = await outcomesOf(8);
      expect(outcomes.filter((outcome) => !/^(held|refused)$/.test(outcome))).toEqual([]);
      return outcomes.filter((outcome) => outcome === 'held').length;
    });
    expect(held).toBe(1);
  });

  it('is not kept by the dead, nor by a stranger who was given the pid of the dead', async () => {
    writeFileSync(join(folder, '4000000-1-00000000'), '');
    writeFileSync(join(folder, `${process.pid}-1-00000000`), '');
    expect(await outcomesOf(1)).toEqual(['held']);
  });
});
