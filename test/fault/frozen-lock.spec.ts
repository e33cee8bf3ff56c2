import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { NamedLock } from '../../src/infra/database/named-lock';

const builtModule = join(__dirname, '../../dist/src/infra/database/named-lock.js');
const url = new URL('/information_schema', process.env.TEST_DATABASE_URL).href;
const name = `frozen-${process.pid}`;
const holder = `require(${JSON.stringify(builtModule)}).NamedLock.acquire(${JSON.stringify(url)},
  ${JSON.stringify(name)}, 0).then((lock) => process.stdout.write(lock ? 'held' : 'refused'))`;

jest.setTimeout(180_000);

it('a frozen process loses its lock, so that another can recover; a live one not', async () => {
  const child = spawn(process.execPath, ['-e', holder], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    expect(String((await once(child.stdout, 'data'))[0])).toBe('held');
    expect(await NamedLock.acquire(url, name, 18)).toBeUndefined();
    child.kill('SIGSTOP');
    const lock = await NamedLock.acquire(url, name, 60);
    expect(lock).toBeDefined();
    await lock?.release();
  } finally {
    child.kill('SIGKILL');
  }
});
