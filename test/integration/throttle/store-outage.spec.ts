import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Logger } from '@nestjs/common';
import { toProblem } from '../../../src/infra/http';
import { FaultProxy } from '../../fault/support/fault-proxy';
import { freePort } from '../../support/free-port';
import { until } from '../../support/until';
import { ThrottledProcess } from './throttled-process';

const bob = { userId: 'bob', ip: '203.0.113.7' };
const redisPort = Number(new URL(process.env.TEST_REDIS_URL ?? '').port);
const limited = { THROTTLE_USER: '1000/60' };

/** What a request is answered with, and after how long. */
async function answerOf(server: ThrottledProcess) {
  const startedMs = performance.now();
  const error: unknown = await server.throttle.admit(bob).catch((reason: unknown) => reason);
  const { code, headers } = toProblem(error);
  return { code, retryAfter: headers['Retry-After'], ms: performance.now() - startedMs };
}

describe('without a store nobody is let through', () => {
  beforeAll(() => { Logger.overrideLogger(false); });

  it('and everybody hears so at once, when no server is there', async () => {
    const server = ThrottledProcess.begin({ ...limited,
      REDIS_URL: `redis://127.0.0.1:${await freePort()}` });
    const answer = await answerOf(server);
    expect(answer).toMatchObject({ code: 'TEMPORARILY_UNAVAILABLE', retryAfter: '1' });
    expect(answer.ms).toBeLessThan(1_000);
    await server.stop();
  });

  it('within the time that a command may take, when the server does not answer', async () => {
    const replies: Socket[] = [];
    const proxy = createServer((client) => {
      const target = connect(redisPort, '127.0.0.1');
      replies.push(target);
      client.pipe(target).pipe(client);
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as AddressInfo;
    const server = await ThrottledProcess.start({ ...limited,
      REDIS_URL: `redis://127.0.0.1:${port}` });
    for (const reply of replies) reply.pause();
    const answer = await answerOf(server);
    expect(answer).toMatchObject({ code: 'TEMPORARILY_UNAVAILABLE', retryAfter: '1' });
    expect(answer.ms).toBeLessThan(3_000);
    for (const reply of replies) reply.resume();
    await server.stop();
    proxy.close();
  });

  it('until it is there again', async () => {
    const proxy = await FaultProxy.start(redisPort);
    const server = await ThrottledProcess.start({ ...limited, REDIS_URL: proxy.url('redis') });
    expect(await server.ask(bob)).toBe('passed');
    await proxy.refuse();
    await until('noticed', async () => (await answerOf(server)).code === 'TEMPORARILY_UNAVAILABLE');
    await proxy.accept();
    await until('let through', async () => await server.ask(bob) === 'passed');
    await server.stop();
    await proxy.stop();
  });

  it('but whoever is not limited by anything needs none', async () => {
    const server = ThrottledProcess.begin({ REDIS_URL: `redis://127.0.0.1:${await freePort()}` });
    expect(await server.ask(bob)).toBe('passed');
    await server.stop();
  });
});
