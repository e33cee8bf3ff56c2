import { once } from 'node:events';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { freePort } from '../../tools/lib/servers.mjs';
import { eventually, freshClone, isAlive, pidOf, Start } from './stranger';

const installPatienceMs = 15 * 60_000;
const startPatienceMs = 5 * 60_000;
/** As the starter calls what it keeps running. */
const titles = { redis: 'Redis', mariadb: 'MariaDB', app: 'fairdrop' };

jest.setTimeout(startPatienceMs);

interface Run { pid: number; url: string; redisUrl: string; databaseUrl: string }

describe('a stranger with a fresh clone', () => {
  let clone: string;
  let port: number;
  let current: Start;

  const runRecord = (): Run =>
    JSON.parse(readFileSync(join(clone, '.data/run.json'), 'utf8')) as Run;
  const ready = () => new RegExp(`^ready http://127\\.0\\.0\\.1:${port}$`, 'm');
  const start = async (patienceMs = startPatienceMs) => {
    current = new Start(clone, port);
    await current.until(ready(), patienceMs);
  };
  const answer = async (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
  const saleIds = async () => {
    const body = await (await answer('/v1/sales')).json() as { items: { id: string }[] };
    return body.items.map((sale) => sale.id);
  };
  const isReady = () => answer('/health/ready').then((response) => response.ok, () => false);

  beforeAll(async () => {
    clone = freshClone();
    port = await freePort();
    await start(installPatienceMs);
  }, installPatienceMs + 10_000);

  afterAll(async () => {
    await current.stop();
    rmSync(clone, { recursive: true, force: true });
  }, startPatienceMs);

  it('is served after one command, and led on', async () => {
    expect(current.output.trimEnd()).toMatch(/ready http:\/\/\S+$/);
    expect(current.output).toContain('npm run --silent token');
    expect(current.output).toContain(`http://127.0.0.1:${port}/docs`);
    expect((await answer('/health/ready')).status).toBe(200);
  });

  it('gets servers on ports of their own and secrets that only the owner may read', () => {
    const { redisUrl, databaseUrl } = runRecord();
    expect(new URL(redisUrl).port).not.toBe('6379');
    expect(new URL(databaseUrl).port).not.toBe('3306');
    for (const name of ['secrets.json', 'run.json']) {
      expect(statSync(join(clone, '.data', name)).mode & 0o777).toBe(0o600);
    }
  });

  it('is refused a second instance on the same folder, with the pid of the first', async () => {
    const second = new Start(clone, await freePort());
    expect(await second.exited).toBe(1);
    expect(second.output).toContain(`already runs on ${clone}/.data (process ${runRecord().pid})`);
  });

  it.each(['redis', 'mariadb', 'app'] as const)(
    'has %s started again when it dies', async (name) => {
      const pid = pidOf(clone, name);
      process.kill(pid, 'SIGKILL');
      await current.until(new RegExp(`${titles[name]} is back`), startPatienceMs);
      expect(pidOf(clone, name)).not.toBe(pid);
      current.output = '';
      await eventually(isReady, startPatienceMs, () => `not ready again:\n${current.output}`);
    }, 2 * startPatienceMs);

  it('finds sales and secrets again after a stop that left nothing running', async () => {
    const [sales, secrets] = [await saleIds(), readFileSync(join(clone, '.data/secrets.json'))];
    const pids = (['app', 'redis', 'mariadb'] as const).map((name) => pidOf(clone, name));
    expect(await current.stop()).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
    await start();
    expect(sales.length).toBeGreaterThan(0);
    expect(await saleIds()).toEqual(sales);
    expect(readFileSync(join(clone, '.data/secrets.json'))).toEqual(secrets);
  }, 2 * startPatienceMs);

  it('starts again after kill -9 of the starter, whose servers lived on', async () => {
    const sales = await saleIds();
    process.kill(runRecord().pid, 'SIGKILL');
    await current.exited;
    await start();
    expect(current.output).toContain('which an earlier start left behind');
    expect(await saleIds()).toEqual(sales);
  }, 2 * startPatienceMs);

  it('is told about a taken port before any long work', async () => {
    expect(await current.stop()).toBe(0);
    const squatter = createServer().listen(port, '127.0.0.1');
    await once(squatter, 'listening');
    const refused = new Start(clone, port);
    expect(await refused.exited).toBe(1);
    expect(refused.output).toContain(`port ${port} is taken`);
    await new Promise((closed) => squatter.close(closed));
    await start();
  }, 2 * startPatienceMs);
});
