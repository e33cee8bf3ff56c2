import { randomUUID } from 'node:crypto';
import { Database } from '../../src/infra/database';
import { RedisConnections } from '../../src/infra/redis';
import { StockGate, StockLoader, StockReader, StockRedis, type ReserveRequest } from '../../src/stock';
import { createInstallation, type Installation, TestProduct } from '../support/product';
import { until } from '../support/until';

const saleWindowSeconds = 600;

jest.setTimeout(180_000);

/** The process that takes reservations has no worker: what it wrote waits until one is started. */
describe('what a reservation carries to its order', () => {
  let installation: Installation;
  let product: TestProduct;
  let saleId: string;

  beforeAll(async () => {
    installation = await createInstallation();
    product = await TestProduct.start({ ROLES: 'api' }, installation);
  });

  beforeEach(async () => {
    saleId = await product.client.openSale({ payWindowSeconds: saleWindowSeconds, limitPerUser: 9 });
  });

  afterAll(async () => {
    await product.stop();
    await installation.drop();
  });

  async function reserve(details: Partial<ReserveRequest> = {}): Promise<string> {
    const gate = product.get(StockGate);
    const rid = gate.idOf('ann', saleId, randomUUID());
    const outcome = await gate.reserve({ rid, saleId, userId: 'ann',
      quantity: 1, traceId: 'a'.repeat(32), ip: '10.0.0.1', source: 'test', ...details });
    expect(outcome.kind).toBe('held');
    return outcome.rid;
  }

  /** Each entry of the outbox as the version before wrote it: without what this one added. */
  async function makeEntriesOld(): Promise<void> {
    const redis = product.get(RedisConnections).general;
    const { outbox } = product.get(StockRedis).keys(saleId);
    for (const [id, fields] of await redis.xrange(outbox, '-', '+')) {
      expect(fields.splice(fields.indexOf('device')).filter((_text, i) => i % 2 === 0))
        .toEqual(['device', 'window']);
      await redis.multi().xdel(outbox, id).xadd(outbox, '*', ...fields).exec();
    }
  }

  /** Starts a worker until these reservations are orders, in Redis, too. Resolves to what they say. */
  async function written(...rids: string[]) {
    const worker = await TestProduct.start({ ROLES: 'worker' }, installation);
    try {
      await until('the reservations are orders', async () => {
        const found = await Promise.all(rids.map((rid) =>
          product.get(StockReader).reservation(saleId, rid)));
        return found.every((reservation) => reservation?.status === 'pending_payment');
      });
    } finally {
      await worker.stop();
    }
    const rows = await product.get(Database).query<{ rid: string; device: string | null;
      windowSeconds: number; expiresAt: Date }>(
      `SELECT rid, device_id AS device, expires_at AS expiresAt,
        TIMESTAMPDIFF(MICROSECOND, created_at, expires_at) / 1000000 AS windowSeconds
        FROM orders WHERE rid IN (?)`, [rids]);
    return Promise.all(rids.map(async (rid) => {
      const row = rows.find((each) => each.rid === rid);
      const inRedis = await product.get(StockReader).reservation(saleId, rid);
      expect(inRedis?.deadlineMs).toBe(row?.expiresAt.getTime());
      return { device: row?.device, windowSeconds: Number(row?.windowSeconds) };
    }));
  }

  it('each its own device and time to pay, also when they are written together', async () => {
    const device = '雪|"phone"'.padEnd(128, 'ä');
    const rids = [await reserve({ deviceId: device, payWindowSeconds: 300 }), await reserve(),
      await reserve({ deviceId: 'phone' }), await reserve({ payWindowSeconds: 400 })];
    expect(await written(...rids)).toEqual([
      { device, windowSeconds: 300 }, { device: null, windowSeconds: saleWindowSeconds },
      { device: 'phone', windowSeconds: saleWindowSeconds }, { device: null, windowSeconds: 400 },
    ]);
  });

  it('or nothing, when the version before reserved it: the order has the time of its sale',
    async () => {
      const rids = [await reserve({ deviceId: 'phone', payWindowSeconds: 300 }), await reserve()];
      await makeEntriesOld();
      const old = { device: null, windowSeconds: saleWindowSeconds };
      expect(await written(...rids)).toEqual([old, old]);
    });

  it('while its proofs stay in Redis, until the sale is over for good', async () => {
    await reserve({ saleTokenId: 'token', captchaId: 'answer' });
    const gate = product.get(StockGate);
    const attempt = { rid: gate.idOf('bob', saleId, 'key-of-bob'), saleId, userId: 'bob', quantity: 1,
      traceId: 'a'.repeat(32), ip: '10.0.0.1', source: 'test' };
    expect(await gate.reserve({ ...attempt, saleTokenId: 'token' }))
      .toMatchObject({ kind: 'refused', reason: 'SALE_TOKEN_INVALID', available: 9 });
    expect(await gate.reserve({ ...attempt, captchaId: 'answer' }))
      .toMatchObject({ kind: 'refused', reason: 'CAPTCHA_REQUIRED', available: 9 });
    const { spent } = product.get(StockRedis).keys(saleId);
    const redis = product.get(RedisConnections).general;
    expect(await redis.hkeys(spent)).toHaveLength(2);
    await product.get(StockLoader).unload(saleId);
    expect(await redis.exists(spent)).toBe(0);
  });
});
