import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startRedis, type Server } from '../../tools/lib/servers.mjs';
import type { TestClient } from '../support/client';
import { FaultProxy } from '../support/fault-proxy';
import { TestProduct } from '../support/product';
import { until } from '../support/until';

jest.setTimeout(240_000);

type Answer = Awaited<ReturnType<TestClient['buy']>>;

describe('the connection breaks in the middle of a purchase', () => {
  let folder: string;
  let server: Server;
  let proxy: FaultProxy;
  let operator: Redis;
  let product: TestProduct;

  beforeAll(async () => {
    folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'fairdrop-fault-'));
    server = await startRedis({ dir: folder });
    proxy = await FaultProxy.start(server.port);
    operator = new Redis(server.url);
    product = await TestProduct.start({ REDIS_URL: proxy.url('redis') });
  });

  afterAll(async () => {
    await product.stop();
    operator.disconnect();
    await proxy.stop();
    server.kill();
    await server.exited;
    rmSync(folder, { recursive: true });
  });

  /** The same key again gets the same order, and one unit is held for it. */
  async function expectOneUnit(saleId: string, first: { status: number; body: { id: string } }) {
    // 200 when the second attempt found the row already.
    expect([200, 202]).toContain(first.status);
    const again = await product.client.buyInTheEnd(saleId, 'alice', { key: 'key' });
    expect(again.body.id).toBe(first.body.id);
    const { redis, database } = await product.client.atRest(saleId);
    expect([redis.available, redis.ordered, database.allocated]).toEqual([9, 1, 1]);
  }

  /**
   * Until a buyer has an answer, each of a sale of his own: one may be told to come back where a busy
   * machine lets nobody connect again within the product's patience. Undefined: no harm was done.
   */
  async function untilAnswered(buy: (saleId: string) => Promise<Answer | undefined>) {
    return until('a buyer is answered', async () => {
      const saleId = await product.client.openSale();
      const answer = await buy(saleId);
      return answer && answer.status !== 503 && { saleId, answer };
    }, 120_000);
  }

  it('after Redis held the units, before it was heard: the buyer is answered, once', async () => {
    const { saleId, answer } = await untilAnswered(async (id) => {
      const dropped = proxy.droppedReplies;
      proxy.dropReply('alice');
      const first = await product.client.buy(id, 'alice', { key: 'key' });
      if (first.status !== 503) expect(proxy.droppedReplies).toBe(dropped + 1);
      return first;
    });
    await expectOneUnit(saleId, answer);
  });

  it('for good and without a word, and new ones work: buyers are served, and rows written',
    async () => {
      const saleId = await product.client.openSale();
      await product.client.order(saleId, 'bob');
      proxy.strand();
      const { id } = await until('a buyer is served', async () => {
        const { status, body } = await product.client.buy(saleId, 'alice', { key: 'key' });
        // 200 when an attempt that was not heard has its row already.
        return status < 300 && body;
      });
      // Relay, queue and worker each find out for themselves.
      await until('the row is there', async () =>
        (await product.client.find(id, 'alice')).body.status === 'pending_payment', 90_000);
      expect((await product.client.atRest(saleId)).database.allocated).toBe(2);
    });

  it('by CLIENT KILL before Redis came to it: the buyer is answered, once', async () => {
    const connection = /^id=(\d+) .*name=fairdrop-fenced .*flags=b/m;
    const { saleId, answer } = await untilAnswered(async (id) => {
      await operator.client('PAUSE', 60_000, 'WRITE');
      let isOver = false;
      const buying = product.client.buy(id, 'alice', { key: 'key' })
        .finally(() => { isOver = true; });
      const waiting = await until('the purchase waits in Redis', async () =>
        connection.exec(String(await operator.client('LIST')))?.[1] ?? (isOver && 'none'));
      const killed = waiting === 'none' ? 0
        : Number(await operator.call('CLIENT', 'KILL', 'ID', waiting));
      await operator.client('UNPAUSE');
      const first = await buying;
      return killed === 1 ? first : undefined;
    });
    await expectOneUnit(saleId, answer);
  });
});
