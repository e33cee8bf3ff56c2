import { Logger } from '@nestjs/common';
import { toProblem } from '../../../src/infra/http';
import { freePort } from '../../../tools/lib/servers.mjs';
import { FaultProxy } from '../../support/fault-proxy';
import { until } from '../../support/until';
import { ThrottledProcess } from './throttled-process';

const bob = { userId: 'bob', ip: '203.0.113.7' };
const redisPort = Number(new URL(process.env.TEST_REDIS_URL ?? '').port);
const limited = { THROTTLE_USER: '1000/60' };

/** What a request is answered with, and what it had waited for until then. */
async function answerOf(server: ThrottledProcess) {
  const error: unknown = await server.throttle.admit(bob).catch((reason: unknown) => reason);
  const { code, headers } = toProblem(error);
  return { code, retryAfter: headers['Retry-After'], reason: String(error) };
}

describe('without a store nobody is let through', () => {
  beforeAll(() => { Logger.overrideLogger(false); });

  it('and everybody hears so at once, when no server is there', async () => {
    const server = ThrottledProcess.begin({ ...limited,
      REDIS_URL: `redis://127.0.0.1:${await freePort()}` });
    // It was not even tried to send: neither a connection nor the end of a command was waited for.
    expect(await answerOf(server)).toEqual({ code: 'TEMPORARILY_UNAVAILABLE', retryAfter: '1',
      reason: expect.stringContaining('Stream isn\'t writeable') as string });
    await server.stop();
  });

  it('within the time that a command may take, when the server does not answer', async () => {
    const way = await FaultProxy.start(redisPort);
    const server = await ThrottledProcess.start({ ...limited, REDIS_URL: way.url('redis') });
    way.hang();
    // It hangs still, and so does the connection: it was the time of the command that was over.
    expect(await answerOf(server)).toEqual({ code: 'TEMPORARILY_UNAVAILABLE', retryAfter: '1',
      reason: expect.stringContaining('Command timed out') as string });
    way.flow();
    await server.stop();
    await way.stop();
  });

  it('until it is there again', async () => {
    const proxy = await FaultProxy.start(redisPort);
    const server = await ThrottledProcess.start({ ...limited, REDIS_URL: proxy.url('redis') });
    await until('let through', async () => await server.ask(bob) === 'passed');
    await proxy.refuse();
    await until('noticed', async () => (await answerOf(server)).code === 'TEMPORARILY_UNAVAILABLE');
    await proxy.accept();
    await until('let through again', async () => await server.ask(bob) === 'passed');
    await server.stop();
    await proxy.stop();
  });

  it('but whoever is not limited by anything needs none', async () => {
    const server = ThrottledProcess.begin({ REDIS_URL: `redis://127.0.0.1:${await freePort()}` });
    expect(await server.ask(bob)).toBe('passed');
    await server.stop();
  });
});
