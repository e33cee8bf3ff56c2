import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getQueueToken } from '@nestjs/bullmq';
import type { Queue } from 'bullmq';
import { type Server, startRedis } from '../../tools/lib/servers.mjs';
import { RedisConnections } from '../../src/infra/redis';
import { expiryQueue } from '../../src/order/queues';
import { SweepsProcessor } from '../../src/order/sweeps.processor';
import { TestProduct } from '../support/product';

jest.setTimeout(180_000);

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
    const saleId = await client.openSale({ payWindowSeconds: 5 });
    const { id } = await client.order(saleId, 'ann');
    await product.get<Queue>(getQueueToken(expiryQueue)).obliterate({ force: true });
    await product.get(RedisConnections).general.config('SET', 'maxmemory', 1);
    const asked = jest.spyOn(product.get(SweepsProcessor).worker as object as Asking, 'moveToActive');
    await client.inStatus(id, 'ann', 'expired');
    expect((await client.stock(saleId)).redis.available).toBe(10);
    // With a rest after each refusal; without one it would be as fast as Redis refuses.
    expect(asked.mock.calls.length).toBeLessThan(1_000);
    await product.get(RedisConnections).general.config('SET', 'maxmemory', 0);
    expect((await client.order(saleId, 'bob')).status).toBe('pending_payment');
  });
});

interface Asking {
  moveToActive: () => Promise<unknown>;
}
