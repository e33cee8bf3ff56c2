import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { startSentinel } from '../../../tools/lib/servers.mjs';
import { RedisConnections } from '../../../src/infra/redis';
import { StockRedis } from '../../../src/stock';
import { expectBooksToBalance } from '../../support/books';
import { Crowd } from '../../support/crowd';
import { TestProduct } from '../../support/product';
import { testConfig } from '../../support/stack';
import { until } from '../../support/until';
import { WatchedRedis } from './watched-redis';

jest.setTimeout(300_000);

const stock = 600;

describe('sentinels choose another master amid a crowd', () => {
  let redis: WatchedRedis;
  let product: TestProduct;
  let crowd: Crowd;
  let saleId: string;

  async function startSale(replicaCount: number, environment: Record<string, string>) {
    redis = await WatchedRedis.start(replicaCount);
    product = await TestProduct.start({ REDIS_URL: redis.url, RESERVATION_LEASE_SECONDS: '1',
      ...environment });
    saleId = await product.client.openSale({ stock });
    crowd = new Crowd(() => [product.client], saleId);
    crowd.start();
    await crowd.acknowledge(50);
  }

  afterEach(async () => {
    crowd.abandon();
    await product.stop();
    await redis.stop();
  });

  /** The rest is sold, exactly, and whoever was told yes has his order. */
  async function expectExactSale() {
    await crowd.sellOut();
    await crowd.finish();
    const { orders, stock: { allocated } } = await expectBooksToBalance(product, saleId);
    expect(allocated).toBe(stock);
    const written = new Set(orders.map(({ id }) => id));
    expect(crowd.acknowledged.filter(({ orderId }) => !written.has(orderId))).toEqual([]);
  }

  it('its machine dies with the sentinel on it: DURABILITY=replica loses no yes', async () => {
    await startSale(2, { DURABILITY: 'replica' });
    await redis.killMachineOfMaster();
    await crowd.acknowledge(50);
    await expectExactSale();
  });

  it('they are told to: nobody stays with the old one, which takes itself for the master', async () => {
    await startSale(1, {});
    const old = await redis.masterPort();
    const port = await redis.orderFailOver();
    const runId = await redis.runIdOf(port);
    await until('the product sells on the new one', async () =>
      product.get(StockRedis).bootOf(saleId) === runId);
    await until('all have left the old one', async () =>
      (await redis.visitorsOf(old)).names.length === 0);
    expect((await redis.visitorsOf(old)).role).toBe('master');
    await crowd.acknowledge(50);
    await expectExactSale();
  });
});

it('a sentinel that knows no master of that name is reported, and where to look', async () => {
  const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'fairdrop-sentinel-'));
  const sentinel = await startSentinel({ dir: folder,
    settings: ['sentinel monitor shop 127.0.0.1 1 1'] });
  jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
  const error = jest.spyOn(Logger.prototype, 'error').mockReturnValue();
  const connections = new RedisConnections(testConfig({ DATABASE_URL: 'mysql://database/shop',
    REDIS_URL: `redis+sentinel://127.0.0.1:${sentinel.port}/shoe` }));
  await until('it is reported', async () => error.mock.calls.some(([line]) =>
    /a sentinel knows no such master.*REDIS_URL/.test(JSON.stringify(line))));
  connections.onApplicationShutdown();
  jest.restoreAllMocks();
  await sentinel.stop();
  rmSync(folder, { recursive: true });
});
