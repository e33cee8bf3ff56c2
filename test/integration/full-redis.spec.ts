import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getQueueToken } from '@nestjs/bullmq';
import type { Queue } from 'bullmq';
import { type Server, startRedis } from '../../tools/lib/servers.mjs';
import { Database } from '../../src/infra/database';
import { RedisConnections } from '../../src/infra/redis';
import { expiryQueue } from '../../src/order/queues';
import { SweepsProcessor } from '../../src/order/sweeps.processor';
import { TestProduct } from '../support/product';
import { until } from '../support/until';

/** That the sweeps are stuck takes twenty looks, which a busy machine takes seldom. */
const patienceMs = 90_000;

jest.setTimeout(300_000);

/** BullMQ can neither begin a job nor write the next run of a schedule; the stock's own scripts go on. */
describe('a Redis that is full', () => {
  let folder: string;
  let server: Server;
  let product: TestProduct;

  beforeAll(async () => {
    folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'redis-'));
    server = await startRedis({ dir: folder });
    product = await TestProduct.start({ REDIS_URL: server.url });
  });
  afterAll(async () => {
    await product.stop();
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  it('keeps no unpaid order from ending, though its timers and schedules stand still', async () => {
    const { client } = product;
    const saleId = await client.openSale({ payWindowSeconds: 3_600 });
    const { id } = await client.order(saleId, 'ann');
    await product.get<Queue>(getQueueToken(expiryQueue)).obliterate({ force: true });
    await product.get(RedisConnections).general.config('SET', 'maxmemory', 1);
    const { worker } = product.get(SweepsProcessor);
    const asked = jest.spyOn(worker as object as Asking, 'moveToActive');
    await until('a worker has been refused', async () => {
      const answers = asked.mock.results.map(({ value }) => value as Promise<unknown>);
      return (await Promise.allSettled(answers)).some(({ status }) => status === 'rejected');
    });
    const database = product.get(Database);
    const locked = jest.spyOn(database, 'withLock');
    // Only now: before, a sweep of the schedule would have ended it.
    await database.execute('UPDATE orders SET expires_at = NOW(3) WHERE rid = ?', [id]);
    await until('the process has ended the order without its schedule', async () =>
      (await client.find(id, 'ann')).body.status === 'expired'
      && locked.mock.calls.some(([name]) => name === 'expire-overdue'), patienceMs);
    await until('its unit is on sale again', async () =>
      (await client.stock(saleId)).redis.available === 10);
    // With a rest after each refusal; without one it would be as fast as Redis refuses.
    expect(asked.mock.calls.length).toBeLessThan(1_000);
    await product.get(RedisConnections).general.config('SET', 'maxmemory', 0);
    expect((await client.order(saleId, 'bob')).status).toBe('pending_payment');
  });
});

interface Asking {
  moveToActive: () => Promise<unknown>;
}
