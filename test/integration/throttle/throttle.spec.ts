import { randomUUID } from 'node:crypto';
import type { ThrottleSubject } from '../../../src/throttle';
import { until } from '../../support/until';
import { ThrottledProcess } from './throttled-process';

const second = 1_000_000;

/** Starts processes of one product, and stops them after the test. */
const running: ThrottledProcess[] = [];
async function product(environment: Record<string, string>, processes = 1) {
  const shared = { REDIS_NAMESPACE: `test-${randomUUID().slice(0, 13)}`, ...environment };
  const started = await Promise.all(
    Array.from({ length: processes }, async () =>
      (await ThrottledProcess.start(shared)).letStoreBeSlow()));
  running.push(...started);
  return started as [ThrottledProcess, ...ThrottledProcess[]];
}
afterEach(() => Promise.all(running.splice(0).map((process) => process.stop())));

const bob: ThrottleSubject = { userId: 'bob', ip: '203.0.113.7' };
const sale = (throttle = {}, id = 'sale1') => ({ id, protection: { throttle } });

describe('requests of one user', () => {
  it('pass exactly n times when 200 come at once to two processes', async () => {
    const processes = await product({ THROTTLE_USER: '10/60' }, 2);
    const passed = await Promise.all(processes.map((process) => process.crowd(100, () => bob)));
    expect(passed.reduce((sum, each) => sum + each)).toBe(10);
    expect(await processes[0].log('user', 'bob')).toHaveLength(10);
  });

  it('that are refused count nowhere: his address still has room for others', async () => {
    const [server] = await product({ THROTTLE_USER: '1/60', THROTTLE_IP: '3/60' });
    expect(await server.crowd(50, () => bob)).toBe(1);
    expect(await server.crowd(50, (i) => ({ userId: `neighbour${i}`, ip: bob.ip }))).toBe(2);
  });

  it('that are refused do not prolong the wait', async () => {
    const [server, other] = await product({ THROTTLE_USER: '2/60' }, 2);
    await server.crowd(2, () => bob);
    const log = await server.log('user', 'bob');
    expect(await server.crowd(20, () => bob)).toBe(0);
    expect(await server.log('user', 'bob')).toEqual(log);
    await server.age(60 * second, 'user', 'bob');
    expect(await other?.ask(bob)).toBe('passed');
  });

  it('carry the headers of the window that refuses', async () => {
    const [server] = await product({ THROTTLE_USER: '2/1,3/600' });
    await server.crowd(2, () => bob);
    await server.age(second, 'user', 'bob');
    expect(await server.ask(bob)).toBe('passed');
    await expect(server.throttle.admit(bob)).rejects.toMatchObject({
      code: 'RATE_LIMITED', detail: expect.stringMatching(/^You have asked .* 5\d\d s\.$/) as string,
      headers: { 'Retry-After': expect.stringMatching(/^5\d\d$/) as string,
        'RateLimit': expect.stringMatching(/^"user";r=0;t=5\d\d$/) as string,
        'RateLimit-Policy': '"user";q=2;w=1, "user";q=3;w=600' },
    });
  });
});

describe('a request that several limits refuse', () => {
  it('hears of the one that keeps it waiting the longest, and memory knows them all', async () => {
    const [server] = await product({ THROTTLE_USER: '1/300', THROTTLE_IP: '1/600',
      THROTTLE_DEVICE: '1/100' });
    const phone = { ...bob, deviceId: 'phone' };
    await server.ask(phone);
    await expect(server.throttle.admit(phone)).rejects.toMatchObject(
      { headers: { RateLimit: expect.stringMatching(/^"ip";r=0;t=(?:600|5\d\d)$/) as string } });
    for (const alone of [{ ...phone, ip: '::1', deviceId: 'other' }, { ...bob, userId: 'bo' },
      { userId: 'bo', ip: '::1', deviceId: 'phone' }]) {
      expect(server.throttle.blocked(alone)?.code).toBe('RATE_LIMITED');
    }
  });
});

describe('the sketches that this began from', () => {
  it('kept the user id as the member and so never counted above 1: every request counts here',
    async () => {
      const [server] = await product({ THROTTLE_USER: '3/60' });
      for (let i = 0; i < 3; i += 1) expect(await server.ask(bob)).toBe('passed');
      expect(await server.log('user', 'bob')).toHaveLength(3);
      expect(await server.ask(bob)).toMatch(/^RATE_LIMITED/);
    });

  it('checked before old entries were removed and so locked out on stale ones: they do not count',
    async () => {
      const [server] = await product({ THROTTLE_USER: '3/60' });
      await server.crowd(3, () => bob);
      await server.age(61 * second, 'user', 'bob');
      expect(await server.ask(bob)).toBe('passed');
    });
});

describe('an address', () => {
  it('of IPv6 is its /64, through which a machine may rotate as it likes', async () => {
    const [server] = await product({ THROTTLE_IP: '5/60' });
    const rotating = (i: number) => ({ userId: `bot${i}`, ip: `2001:db8:1:2::${i.toString(16)}` });
    expect(await server.crowd(200, rotating)).toBe(5);
    expect(server.throttle.blocked({ userId: 'new', ip: '2001:DB8:1:2:ffff::1' })).toBeDefined();
    expect(server.throttle.blocked({ userId: 'new', ip: '2001:db8:1:3::1' })).toBeUndefined();
    expect(await server.ask({ userId: 'new', ip: '2001:db8:1:3::1' })).toBe('passed');
  });

  it('of IPv4 is the same inside of IPv6', async () => {
    const [server] = await product({ THROTTLE_IP: '4/60' });
    const spellings = ['203.0.113.7', '::ffff:203.0.113.7', '::FFFF:cb00:7107'];
    expect(await server.crowd(30, (i) =>
      ({ userId: `bot${i}`, ip: spellings[i % 3] ?? '' }))).toBe(4);
  });
});

describe('a device', () => {
  it('counts for all of its users, and one without a device for none', async () => {
    const [server] = await product({ THROTTLE_DEVICE: '2/60' });
    const subject = (i: number) => ({ userId: `bot${i}`, ip: bob.ip, deviceId: 'phone' });
    expect(await server.crowd(20, subject)).toBe(2);
    expect(await server.crowd(20, () => bob)).toBe(20);
  });
});

describe('a hot offender', () => {
  it('is refused by memory, without a word to Redis, and nobody else is', async () => {
    const [server] = await product({ THROTTLE_USER: '1/60', THROTTLE_DEVICE: '5/60' });
    await server.crowd(2, () => bob);
    const sent = jest.spyOn(server.redis.connection, 'sendCommand');
    for (let i = 0; i < 1_000; i += 1) {
      expect(server.throttle.blocked(bob)?.headers['Retry-After']).toMatch(/^(?:60|5\d)$/);
    }
    expect(server.throttle.blocked({ ...bob, sale: sale() })?.code).toBe('RATE_LIMITED');
    expect(server.throttle.blocked({ ...bob, userId: 'bo' })).toBeUndefined();
    expect(sent).not.toHaveBeenCalled();
    await server.ask({ ...bob, userId: 'bo' });
    expect(sent).toHaveBeenCalled();
  });

  it('is never refused by memory for longer than by Redis', async () => {
    const [server, fresh] = await product({ THROTTLE_USER: '1/1' }, 2);
    let users = 0;
    // A stall may outlast his second: then it is another one who is seen to be refused.
    const offender = await until('memory refuses somebody', async () => {
      users += 1;
      const subject = { ...bob, userId: `offender-${users}` };
      await server.crowd(2, () => subject);
      return server.throttle.blocked(subject) && subject;
    });
    await until('let through by Redis', async () => await fresh?.ask(offender) === 'passed');
    expect(server.throttle.blocked(offender)).toBeUndefined();
  });
});

describe('a rate', () => {
  it('of all sales holds back buying calls alone, and nobody for long', async () => {
    const [server] = await product({ THROTTLE_GLOBAL: '20' });
    const startedMs = performance.now();
    const outcomes = await Promise.all(Array.from({ length: 200 }, (_, i) =>
      server.ask({ userId: `u${i}`, ip: '::1', sale: sale() })));
    const elapsedSeconds = (performance.now() - startedMs) / 1_000;
    const refused = outcomes.filter((outcome) => outcome !== 'passed');
    const passed = outcomes.length - refused.length;
    expect(passed).toBeGreaterThanOrEqual(20);
    expect(passed).toBeLessThanOrEqual(20 + 20 * elapsedSeconds);
    for (const outcome of refused) expect(outcome).toMatch(/Ask again in 1 s\.$/);
    expect(await server.crowd(50, () => bob)).toBe(50);
    await until('the bucket fills again', async () =>
      server.throttle.blocked({ ...bob, sale: sale() }) === undefined
        && await server.ask({ ...bob, sale: sale() }) === 'passed');
  });

  it('of one sale does not hold back another', async () => {
    const [server] = await product({ THROTTLE_SALE: '1' });
    // So many that some come within a second, whatever holds Redis up between two of them.
    const asked = [...Array<string>(20).fill('sale1'), 'sale2'];
    const outcomes = await Promise.allSettled(asked.map((id) =>
      server.throttle.admit({ ...bob, sale: sale({}, id) })));
    expect([outcomes[0]?.status, outcomes.at(-1)?.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { headers: { 'Retry-After': '1', 'RateLimit-Policy': '"sale";q=1;w=1',
        'RateLimit': '"sale";r=0;t=1' } } });
  });
});

describe('what a sale says itself', () => {
  it('replaces the configured windows, in keys of its own', async () => {
    const [server] = await product({ THROTTLE_USER: '2/60', THROTTLE_IP: '50/60' });
    const buying = { ...bob, sale: sale({ user: '5/60' }) };
    expect(await server.crowd(20, () => buying)).toBe(5);
    expect(await server.crowd(20, () => bob)).toBe(2);
    expect(await server.crowd(20, () => ({ ...bob, sale: sale({}, 'sale2') }))).toBe(0);
    expect(await server.keys()).toEqual(['ip:203.0.113.7', 'user-of-sale:sale1:bob', 'user:bob']);
  });

  it('can be off', async () => {
    const [server] = await product({ THROTTLE_USER: '1/60', THROTTLE_SALE: '1' });
    const free = sale({ user: 'off', sale: 'off' });
    expect(await server.crowd(50, () => ({ ...bob, sale: free }))).toBe(50);
    expect(await server.keys()).toEqual([]);
  });

  it('holds from the moment it is changed, also for those whom memory refuses', async () => {
    const [server] = await product({});
    const under = (user: string) => ({ ...bob, sale: sale({ user }) });
    expect(await server.crowd(5, () => under('2/60'))).toBe(2);
    expect(server.throttle.blocked(under('2/60'))).toBeDefined();
    expect(server.throttle.blocked(under('4/60'))).toBeUndefined();
    expect(await server.crowd(5, () => under('4/60'))).toBe(2);
  });

  it('is never counted for a user whose id reads like that of a sale and a user', async () => {
    const [server] = await product({ THROTTLE_USER: '1/60' });
    const eve = { ...bob, userId: 'sale1:bob' };
    expect(await server.crowd(5, () => eve)).toBe(1);
    expect(await server.ask({ ...bob, sale: sale({ user: '1/60' }) })).toBe('passed');
  });
});
