import { setTimeout as sleep } from 'node:timers/promises';
import { admin } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { createInstallation, TestProduct, type Installation } from '../../support/product';
import { until } from '../../support/until';
import { withEnoughTime } from '../support/enough-time';
import { outcomeOf, times } from './support/tally';

const atOnce = 100;

interface Attempt { process: number; startedMs: number; endedMs: number; outcome: string }

describe('a buyer who is blacklisted while he floods two processes', () => {
  let installation: Installation;
  let processes: [TestProduct, TestProduct];
  let saleId: string;

  beforeAll(async () => {
    installation = await createInstallation();
    const environment = { TRUST_PROXY: '127.0.0.1' };
    processes = [await TestProduct.start(environment, installation),
      await TestProduct.start({ ...environment, ROLES: 'api' }, installation)];
    saleId = await processes[0].client.openSale({ stock: 1_000 });
  });

  afterAll(async () => {
    await Promise.all(processes.map((process) => process.stop()));
    await installation.drop();
  });

  const entry = (method: 'PUT' | 'DELETE', path: string) => processes[0].client.call(method,
    `/admin/v1/blacklist/${path}`,
    { as: admin, ...(method === 'PUT' && { body: { reason: 'It floods.' } }) });

  const buy = (process: number, { userId, ip, device }: Flooder) =>
    (processes[process] ?? processes[0]).client.buy(saleId, userId,
      { headers: { 'x-forwarded-for': ip, 'x-device-id': device } });

  /** 100 requests to each process at any time, one after the other, until it is stopped. */
  function flood(flooder: (index: number) => Flooder) {
    const attempts: Attempt[] = [];
    let isOver = false;
    const running = times(2 * atOnce, async (index) => {
      while (!isOver) {
        const startedMs = performance.now();
        const process = index % 2;
        const outcome = outcomeOf(await buy(process, flooder(index)));
        attempts.push({ process, startedMs, endedMs: performance.now(), outcome });
        await sleep(50);
      }
    });
    return { attempts, stop: async () => {
      isOver = true;
      await running;
    } };
  }

  type Flooder = { userId: string; ip: string; device: string };
  const apart = (index: number): Flooder =>
    ({ userId: `bot-${index}`, ip: `198.51.100.${index}`, device: `device-${index}` });

  it.each<[string, string, string, (index: number) => Flooder, Flooder]>([
    ['by his name', 'user/mallory', 'user/mallory', (index) =>
      ({ ...apart(index), userId: 'mallory' }), { ...apart(0), userId: 'Mallory' }],
    ['by his address', 'ip/203.0.113.5', 'ip/203.0.113.5', (index) =>
      ({ ...apart(index), ip: index % 4 < 2 ? '203.0.113.5' : '::ffff:203.0.113.5' }),
    { ...apart(0), ip: '203.0.113.6' }],
    ['by his network', 'ip/192.0.2.0%2F25', 'ip/192.0.2.0%2F25', (index) =>
      ({ ...apart(index), ip: `192.0.2.${index % 128}` }), { ...apart(0), ip: '192.0.2.128' }],
    ['by his IPv6 network', 'ip/2001:DB8:7::%2F48', 'ip/2001:db8:7::%2F48', (index) =>
      ({ ...apart(index), ip: `2001:db8:7:${index.toString(16)}::1` }),
    { ...apart(0), ip: '2001:db8:8::1' }],
    ['by his device', 'device/phone', 'device/phone', (index) =>
      ({ ...apart(index), device: 'phone' }), { ...apart(0), device: 'phone2' }],
  ])('%s, is refused everywhere', async (_, path, lifted, flooder, bystander) => {
    const { attempts, stop } = flood(flooder);
    try {
      await until('both processes answer', async () => attempts.length > 2 * atOnce);
      const since = attempts.length;
      const askedMs = performance.now();
      expect((await entry('PUT', path)).status).toBe(200);
      // Where it was decided it is known with the answer; elsewhere with the first that is refused.
      const knownMs = [performance.now(), await until('the other process refuses him', async () =>
        attempts.find(({ process, outcome }) => process === 1 && outcome === 'BLACKLISTED')
          ?.endedMs, 30_000)];
      const late = (process: number) => attempts.filter((attempt) =>
        attempt.process === process && attempt.startedMs > (knownMs[process] ?? 0));
      await until('the flood goes on after that', async () =>
        [0, 1].every((process) => late(process).length > atOnce), 30_000);
      for (const process of [0, 1]) {
        expect(new Set(late(process).map(({ outcome }) => outcome)))
          .toEqual(new Set(['BLACKLISTED']));
      }
      const before = attempts.slice(0, since).filter(({ startedMs }) => startedMs < askedMs);
      expect(before.filter(({ outcome }) => outcome === 'BLACKLISTED')).toEqual([]);
      for (const process of [0, 1]) {
        expect(outcomeOf(await buy(process, bystander))).toMatch(/^(202|LIMIT_EXCEEDED)$/);
      }
    } finally {
      await stop();
    }
    expect((await entry('DELETE', lifted)).status).toBe(204);
    await Promise.all([0, 1].map((process) => until('he may buy again', async () =>
      outcomeOf(await buy(process, flooder(process))) !== 'BLACKLISTED', 30_000)));
  }, 150_000);

  it('hears for how long but not why, and can still see and cancel what he has', async () => {
    const [{ client }] = processes;
    const order = await client.order(saleId, 'suspect');
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    await client.call('PUT', '/admin/v1/blacklist/user/suspect',
      { as: admin, body: { reason: 'Reported by the shop next door.', expiresAt } });
    const refused = await client.buy(saleId, 'suspect');
    expectProblem(refused, 'BLACKLISTED');
    expect(refused.text).toContain(expiresAt);
    expect(refused.text).not.toMatch(/next door|operator|rule|score/);
    expect((await client.find(order.id, 'suspect')).status).toBe(200);
    expect((await client.cancel(order.id, 'suspect')).body.status).toBe('cancelled');
  });

  it('is let in again by himself when the time is over', async () => {
    const [{ client }] = processes;
    const userId = await withEnoughTime('he is refused', async (seconds) => {
      const paroled = `paroled-for-${seconds}`;
      const expiresAt = new Date(Date.now() + seconds * 1_000).toISOString();
      const { status } = await client.call('PUT', `/admin/v1/blacklist/user/${paroled}`,
        { as: admin, body: { reason: 'A short while.', expiresAt } });
      const outcome = outcomeOf(await client.buy(saleId, paroled));
      // As far as the clocks agree: 5 s before the end nobody may let him in.
      const isOver = Date.now() > Date.parse(expiresAt) - 5_000;
      if (isOver && outcome !== 'BLACKLISTED') return undefined;
      expect([status, outcome]).toEqual([200, 'BLACKLISTED']);
      return paroled;
    });
    await until('he may buy', async () =>
      (await client.buy(saleId, userId)).status === 202, 60_000);
  }, 180_000);
});
