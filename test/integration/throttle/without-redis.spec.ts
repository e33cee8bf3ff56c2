import { Logger } from '@nestjs/common';
import { isOpenCircuit } from '../../../src/infra/circuit';
import { freePort } from '../../../tools/lib/servers.mjs';
import { FaultProxy } from '../../support/fault-proxy';
import { until } from '../../support/until';
import { ThrottledProcess } from './throttled-process';

const redisPort = Number(new URL(process.env.TEST_REDIS_URL ?? '').port);
const bob = { userId: 'bob', ip: '203.0.113.7' };
const enoughFaults = 5;

describe('throttling for a sale that goes on without Redis', () => {
  beforeAll(() => { Logger.overrideLogger(false); });

  it('holds everybody to the same limits, in each process by itself', async () => {
    const environment = { THROTTLE_USER: '10/60', THROTTLE_IP: '15/60',
      REDIS_URL: `redis://127.0.0.1:${await freePort()}` };
    const processes = [ThrottledProcess.begin(environment), ThrottledProcess.begin(environment)];
    for (const process of processes) {
      expect(await process.crowd(50, () => ({ ...bob, withoutRedis: true }))).toBe(10);
      const neighbours = await process.crowd(50, (i) =>
        ({ userId: `neighbour-${i}`, ip: bob.ip, withoutRedis: true }));
      expect(neighbours).toBe(5);
      expect(process.throttle.blocked(bob)?.code).toBe('RATE_LIMITED');
      await process.stop();
    }
  });

  it('lets nobody through for a sale that needs Redis', async () => {
    const process = ThrottledProcess.begin({ THROTTLE_USER: '10/60',
      REDIS_URL: `redis://127.0.0.1:${await freePort()}` });
    expect(await process.ask({ ...bob, withoutRedis: true })).toBe('passed');
    expect(await process.ask(bob)).not.toBe('passed');
    expect(await process.ask({ ...bob, withoutRedis: false })).not.toBe('passed');
    await process.stop();
  });
});

describe('the connection of the funnel', () => {
  let way: FaultProxy;
  let process: ThrottledProcess;
  let asked: number;
  const ping = () => process.redis.ask((connection) => { asked += 1; return connection.ping(); })
    .catch((error: unknown) => error);

  beforeAll(() => { Logger.overrideLogger(false); });
  beforeEach(async () => {
    asked = 0;
    way = await FaultProxy.start(redisPort);
    process = await ThrottledProcess.start({ THROTTLE_USER: '1000/60', REDIS_URL: way.url('redis') });
  });
  afterEach(async () => {
    await process.stop();
    await way.stop();
  });

  it('lets a few wait for a server that hangs, and nobody after them, until it goes on', async () => {
    way.hang();
    await Promise.all(Array.from({ length: enoughFaults }, ping));
    asked = 0;
    const refusals = await Promise.all(Array.from({ length: 200 }, ping));
    expect(refusals.every(isOpenCircuit)).toBe(true);
    expect(asked).toBe(0);
    expect(await process.ask(bob)).not.toBe('passed');
    way.flow();
    await until('the probe finds out', async () => !process.redis.isOpenCircuit);
    expect(await process.ask(bob)).toBe('passed');
  });

  it('is used again with the first connection, without a second of waiting', async () => {
    await way.refuse();
    await until('noticed', async () => !process.redis.isConnected);
    for (let fault = 0; fault < enoughFaults; fault += 1) await ping();
    expect(process.redis.isOpenCircuit).toBe(true);
    const { redis } = process;
    const isOpenAtReady = new Promise<boolean>((resolve) => {
      redis.connection.once('ready', () => { resolve(redis.isOpenCircuit); });
    });
    await way.accept();
    expect(await isOpenAtReady).toBe(false);
    expect(await process.ask(bob)).toBe('passed');
  });

  it('is not given up for what the server says against single commands', async () => {
    const { redis } = process;
    const wrong = () => redis.ask((connection) => connection.call('NO-SUCH-COMMAND'))
      .catch((error: unknown) => error);
    const answers = await Promise.all(Array.from({ length: 50 }, wrong));
    expect(answers.some(isOpenCircuit)).toBe(false);
    expect(await process.ask(bob)).toBe('passed');
  });
});
