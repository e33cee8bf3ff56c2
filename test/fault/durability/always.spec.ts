import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startRedis, type Server } from '../../../tools/lib/servers.mjs';
import { RedisConnections } from '../../../src/infra/redis';
import { TestProduct } from '../../support/product';
import { testConfig } from '../../support/stack';
import { until } from '../../support/until';

jest.setTimeout(120_000);

describe('DURABILITY=always', () => {
  let folder: string;
  let server: Server;
  let redis: Redis;

  beforeAll(async () => {
    folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'fairdrop-always-'));
    server = await startRedis({ dir: folder, args: ['--appendfsync', 'always'] });
    redis = new Redis(server.url);
  });
  afterAll(async () => {
    redis.disconnect();
    server.kill();
    await server.exited;
    rmSync(folder, { recursive: true });
  });

  it.each([
    ['appendfsync', 'everysec', 'its appendonly is yes, its appendfsync is everysec'],
    ['appendonly', 'no', 'its appendonly is no, its appendfsync is always'],
  ])('a process refuses to start when %s is %s, and says what to set', async (name, value, why) => {
    const [, kept = ''] = await redis.config('GET', name);
    await redis.config('SET', name, value);
    const connections = new RedisConnections(
      testConfig({ REDIS_URL: server.url, DURABILITY: 'always', DATABASE_URL: 'mysql://database/shop' }));
    const fault = await connections.onModuleInit().catch((error: Error) => error.message);
    connections.onApplicationShutdown();
    await redis.config('SET', name, kept);
    expect(fault).toContain(why);
    expect(fault).toContain('Set "appendonly yes" and "appendfsync always"');
  });

  it('starts on a server that keeps it; is not ready any more when that changes', async () => {
    const product = await TestProduct.start({ REDIS_URL: server.url, DURABILITY: 'always' });
    const ready = () => product.client.call('GET', '/health/ready');
    const up = await until('it is ready', async () => {
      const answer = await ready();
      return answer.status === 200 && answer;
    });
    expect(up).toMatchObject({ body: { details: {
      redis: { appendonly: 'yes', appendfsync: 'always' },
      durability: { status: 'up', scheme: 'always' } } } });
    await redis.config('SET', 'appendfsync', 'everysec');
    await until('it is not ready', async () => (await ready()).status === 503);
    await redis.config('SET', 'appendfsync', 'always');
    await product.stop();
  });
});
