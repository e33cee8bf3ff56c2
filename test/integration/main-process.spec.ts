import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { freePort } from '../../tools/lib/servers.mjs';
import { createInstallation, type Installation } from '../support/product';
import { testEnvironment } from '../support/stack';
import { until } from '../support/until';

// A process is started, asked and stopped by others that are busy.
jest.setTimeout(180_000);

/** The program as `npm start` runs it: built, in a process of its own. */
interface MainProcess {
  child: ChildProcess;
  exit: Promise<number | null>;
  errors: Promise<string>;
}

interface Message {
  type: string;
  url: string;
}

let installation: Installation;
const children: ChildProcess[] = [];

beforeAll(async () => { installation = await createInstallation(); });
afterAll(async () => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
  await installation.drop();
});

function startMain(environment: Record<string, string>): MainProcess {
  const child = fork('dist/src/main.js', {
    env: testEnvironment({ ...installation.environment, ...environment }), silent: true,
  });
  children.push(child);
  child.stdout?.resume();
  const exit = once(child, 'exit').then(([code]) => code as number | null);
  return { child, exit, errors: child.stderr ? text(child.stderr) : Promise.resolve('') };
}

async function startReady(environment: Record<string, string> = {}) {
  const main = startMain({ PORT: String(await freePort()), ...environment });
  const ended = main.errors.then((errors) => { throw new Error(`It ended: ${errors}`); });
  const [message] = await Promise.race([once(main.child, 'message'), ended]) as Message[];
  ended.catch(() => undefined); // Who is ready ends later, and on purpose.
  if (!message) throw new Error('It said nothing');
  return { ...main, message, url: message.url };
}

async function statusOf(url: string): Promise<number> {
  return (await fetch(url)).status;
}

describe('the main process', () => {
  it('says ready, and at SIGTERM turns unready, answers on, then exits 0', async () => {
    // Longer than it takes to ask, also where a request stalls for seconds.
    const { child, exit, message, url } = await startReady({ DRAIN_SECONDS: '15' });
    expect(message.type).toBe('ready');
    expect(await statusOf(`${url}/health/ready`)).toBe(200);
    child.kill('SIGTERM');
    await until('it is unready', async () => await statusOf(`${url}/health/ready`) === 503);
    expect(await statusOf(`${url}/health/live`)).toBe(200);
    expect(await statusOf(`${url}/v1/time`)).toBe(200);
    expect(await exit).toBe(0);
  });

  it('stops by itself when the parent that started it is gone', async () => {
    const { child, exit } = await startReady();
    child.disconnect();
    expect(await exit).toBe(0);
  });

  it('names every fault of its configuration, never a value, and exits 1', async () => {
    const { exit, errors } = startMain({ PORT: 'eighty', JWT_SECRET: 'hunter2' });
    expect(await exit).toBe(1);
    const lines = await errors;
    expect(lines).toMatch(/^PORT: /m);
    expect(lines).toMatch(/^JWT_SECRET: /m);
    expect(lines).not.toMatch(/eighty|hunter2/);
  });

  it('says in its log that its servers do not answer, and prints nothing beside it', async () => {
    const nobody = `127.0.0.1:${await freePort()}`;
    const { child, exit, errors } = startMain({ REDIS_URL: `redis://${nobody}`,
      DATABASE_URL: `mysql://root@${nobody}/none`, LOG_LEVEL: 'debug' });
    let log = '';
    child.stdout?.setEncoding('utf8').on('data', (lines: string) => { log += lines; });
    await until('a queue has no connection', async () => log.includes('queue connection fault'));
    child.kill('SIGKILL');
    await exit;
    expect(await errors).toBe('');
  });

  it('exits 1 when its port is taken', async () => {
    const first = await startReady();
    const second = startMain({ PORT: new URL(first.url).port });
    expect(await second.exit).toBe(1);
    expect(await statusOf(`${first.url}/health/live`)).toBe(200);
    first.child.kill('SIGINT');
    expect(await first.exit).toBe(0);
  });

  it('serves buyers only in the role api, and its health in every role', async () => {
    const worker = await startReady({ ROLES: 'worker' });
    expect(await statusOf(`${worker.url}/health/ready`)).toBe(200);
    expect(await statusOf(`${worker.url}/metrics`)).toBe(200);
    expect(await statusOf(`${worker.url}/v1/time`)).toBe(404);
    worker.child.kill('SIGTERM');
    expect(await worker.exit).toBe(0);
  });
});
