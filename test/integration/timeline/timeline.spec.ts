import { Logger } from '@nestjs/common';
import { Metrics } from '../../../src/infra/metrics';
import { AdmissionRedis } from '../../../src/infra/redis';
import { Timeline } from '../../../src/purchase/timeline/timeline';
import type { TimelineEvent } from '../../../src/purchase/timeline/timeline-entry';
import { createInstallation, TestProduct, type Installation } from '../../support/product';
import { until } from '../../support/until';

const hostileUserIds = ['|', '__proto__', 'constructor', '{sale}:x', '1|2|3||SOLD_OUT||',
  'x'.repeat(128), '/../', '%2F', '\\n', '*'];

/** Entries that a process keeps while it cannot write. */
const entriesAtMost = 10_000;

jest.setTimeout(180_000);

describe('timelines', () => {
  let installation: Installation;
  let first: TestProduct;
  let second: TestProduct;
  let saleId: string;

  beforeAll(async () => {
    installation = await createInstallation();
    first = await TestProduct.start({}, installation);
    second = await TestProduct.start({}, installation);
  });
  beforeEach(async () => { saleId = await first.client.openSale(); });
  afterAll(async () => {
    await first.stop();
    await second.stop();
    await installation.drop();
  });

  const record = (product: TestProduct, event: Partial<TimelineEvent>) => {
    product.get(Timeline).record({ saleId, userId: 'ann', atMs: 1_000, outcome: 'SOLD_OUT',
      ...event });
  };
  const told = async (product: TestProduct, userId = 'ann') =>
    (await product.get(Timeline).of(saleId, userId)).entries
      .map(({ outcome, count, atMs, lastAtMs }) => [outcome, count, atMs, lastAtMs]);
  const key = () => first.get(AdmissionRedis).key(`{${saleId}}`, 'timeline');

  it('tell what has just been answered', async () => {
    const answer = { outcome: 'accepted', quantity: 2, rid: 'r1', available: 8 };
    record(first, answer);
    expect(await first.get(Timeline).of(saleId, 'ann'))
      .toEqual({ entries: [{ ...answer, atMs: 1_000, lastAtMs: 1_000, count: 1 }], leftOut: false });
  });

  it('of two processes are one, in the order of time and not of writing', async () => {
    record(first, { atMs: 10, outcome: 'SALE_NOT_OPEN' });
    record(first, { atMs: 30 });
    record(first, { atMs: 50, outcome: 'LIMIT_EXCEEDED' });
    record(second, { atMs: 20, outcome: 'RATE_LIMITED' });
    record(second, { atMs: 40 });
    await told(second);
    await told(first);
    const expected = [['SALE_NOT_OPEN', 1, 10, 10], ['RATE_LIMITED', 1, 20, 20],
      ['SOLD_OUT', 2, 30, 40], ['LIMIT_EXCEEDED', 1, 50, 50]];
    expect([await told(first), await told(second)]).toEqual([expected, expected]);
  });

  it('are not lost where both processes write for the same buyer at once', async () => {
    for (let round = 0; round < 20; round += 1) {
      for (const product of [first, second]) record(product, { atMs: 1_000 + round });
      await Promise.all([told(first), told(second)]);
    }
    expect(await told(first)).toEqual([['SOLD_OUT', 40, 1_000, 1_019]]);
  });

  it('are written down without anybody asking', async () => {
    record(first, {});
    await until('the other process knows', async () => (await told(second)).length === 1);
  });

  it('are kept until seven days after the end of the sale', async () => {
    record(first, {});
    await told(first);
    const { body } = await first.client.call<{ closesAt: string }>('GET', `/v1/sales/${saleId}`);
    expect(await first.get(AdmissionRedis).connection.pexpiretime(key()))
      .toBe(Date.parse(body.closesAt) + 7 * 24 * 3_600_000);
  });

  it('of many buyers are all written, in several bites', async () => {
    const buyers = Array.from({ length: 1_234 }, (_none, i) => `buyer-${i}`);
    for (const userId of buyers) record(first, { userId });
    await told(first);
    expect((await first.get(AdmissionRedis).connection.hkeys(key())).sort())
      .toEqual([...buyers].sort());
  });

  it.each(hostileUserIds)('know buyers by whatever name they have: %s', async (userId) => {
    record(first, { userId: 'ann' });
    record(first, { userId });
    record(second, { userId, atMs: 2_000, outcome: 'LIMIT_EXCEEDED' });
    await told(second, userId);
    expect(await told(first, userId))
      .toEqual([['SOLD_OUT', 1, 1_000, 1_000], ['LIMIT_EXCEEDED', 1, 2_000, 2_000]]);
    expect(await told(first)).toEqual([['SOLD_OUT', 1, 1_000, 1_000]]);
  });

  it('say who was left out, when the sale had more buyers than are kept', async () => {
    record(first, {});
    await told(first);
    expect(await first.get(Timeline).of(saleId, 'bob')).toEqual({ entries: [], leftOut: false });
    await first.get(AdmissionRedis).connection.hset(key(), 'left out', 1);
    expect(await first.get(Timeline).of(saleId, 'bob')).toEqual({ entries: [], leftOut: true });
    expect(await first.get(Timeline).of(saleId, 'ann')).toMatchObject({ leftOut: false });
  });

  it('wait for Redis as far as there is room, the rest is dropped with one warning', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
    const { connection } = first.get(AdmissionRedis);
    const { timelineDroppedTotal } = first.get(Metrics);
    const dropped = async () => (await timelineDroppedTotal.get()).values[0]?.value ?? 0;
    const before = await dropped();
    connection.disconnect();
    await until('away', async () => !first.get(AdmissionRedis).isConnected);
    try {
      record(first, { outcome: 'SOLD_OUT' });
      await expect(told(first)).rejects.toThrow();
      for (let buyer = 0; buyer < entriesAtMost + 50; buyer += 1) {
        record(first, { userId: `buyer-${buyer}` });
      }
      expect(await dropped()).toBe(before + 51);
      // And nobody is refused for it.
      expect((await first.client.order(saleId, 'ann')).status).toBe('pending_payment');
      expect(warn.mock.calls.filter(([line]) =>
        (line as { msg?: string }).msg === 'timelines lost')).toHaveLength(1);
    } finally {
      warn.mockRestore();
      await connection.connect();
    }
    expect(await told(first)).toEqual([['SOLD_OUT', 1, 1_000, 1_000]]);
    record(first, { outcome: 'LIMIT_EXCEEDED', userId: 'bob' });
    expect(await told(first, 'bob')).toEqual([['LIMIT_EXCEEDED', 1, 1_000, 1_000]]);
  });

  it('lose nothing when a process stops in order', async () => {
    const third = await TestProduct.start({}, installation);
    record(third, { outcome: 'RATE_LIMITED' });
    await third.stop();
    expect(await told(first)).toEqual([['RATE_LIMITED', 1, 1_000, 1_000]]);
  });
});
