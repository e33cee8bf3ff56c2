import { newId } from '../../../src/kernel';
import { attempt, RiskParts, saleWith } from './risk-parts';

const dayMs = 86_400_000;

describe('observe', () => {
  let parts: RiskParts;
  beforeAll(async () => {
    parts = new RiskParts({ HOLDS_PER_USER: 'off', HOLDS_PER_DEVICE: 'off' });
    await parts.connected();
  });
  afterAll(() => parts.close());

  const observe = async (subject: ReturnType<typeof attempt>) =>
    (await parts.signals.observe(subject, true)).signals;
  const hashOf = (userId: string) => parts.admission.connection.hgetall(parts.redis.user(userId));
  const nowMs = async () => {
    await parts.clock.refresh();
    return parts.clock.now();
  };

  it('counts attempts of a user over all sales, and of nobody else', async () => {
    const userId = newId('user');
    await observe(attempt({ userId }));
    await observe(attempt());
    expect(await observe(attempt({ userId }))).toMatchObject({ attemptsLastHour: 2 });
  });

  it('moves the count of a bucket that is over to the one before', async () => {
    const userId = newId('user');
    const bucket = Math.floor(await nowMs() / 3_600_000);
    await parts.admission.connection.hset(parts.redis.user(userId), 'ah', `${bucket - 1} 7 9`);
    await observe(attempt({ userId }));
    const { ah = '' } = await hashOf(userId);
    // The hour may have turned since: then the seven lie two buckets back.
    expect([`${bucket} 1 7`, `${bucket + 1} 1 0`]).toContain(ah);
  });

  it('begins anew after a longer rest', async () => {
    const userId = newId('user');
    const bucket = Math.floor(await nowMs() / 3_600_000);
    await parts.admission.connection.hset(parts.redis.user(userId), 'ah', `${bucket - 2} 7 9`);
    await observe(attempt({ userId }));
    expect((await hashOf(userId)).ah).toMatch(/^\d+ 1 0$/);
  });

  it('counts on in the bucket it has when the clock of the server steps back', async () => {
    const userId = newId('user');
    const bucket = Math.floor(await nowMs() / 3_600_000) + 5;
    await parts.admission.connection.hset(parts.redis.user(userId), 'ah', `${bucket} 7 9`);
    await observe(attempt({ userId }));
    expect((await hashOf(userId)).ah).toBe(`${bucket} 8 9`);
  });

  it('counts distinct users of an address, an IPv6 one by its /64, and no user twice', async () => {
    const userId = newId('user');
    const at = (host: string, user?: string) =>
      observe(attempt({ ip: `2001:db8:7:1::${host}`, userId: user }));
    await at('1', userId);
    await at('2', userId);
    await at('3');
    expect(await at('4')).toMatchObject({ usersOfIp: 3 });
    expect(await observe(attempt({ ip: '2001:db8:7:2::1' }))).toMatchObject({ usersOfIp: 1 });
  });

  it('counts distinct devices of a user and users of a device', async () => {
    const [userId, deviceId] = [newId('user'), newId('device')];
    expect(await observe(attempt({ userId })))
      .toMatchObject({ devicesOfUser: 0, usersOfDevice: 0 });
    await observe(attempt({ userId, deviceId: newId('device') }));
    await observe(attempt({ deviceId }));
    expect(await observe(attempt({ userId, deviceId })))
      .toMatchObject({ devicesOfUser: 2, usersOfDevice: 2 });
    expect(await observe(attempt({ userId })))
      .toMatchObject({ devicesOfUser: 2, usersOfDevice: 0 });
  });

  it('forgets who has not been seen for a day', async () => {
    const ip = '10.200.0.1';
    await parts.admission.connection.zadd(parts.redis.ipUsers(ip),
      await nowMs() - dayMs - 1_000, 'long-ago', await nowMs() - dayMs + 60_000, 'yesterday');
    expect(await observe(attempt({ ip }))).toMatchObject({ usersOfIp: 2 });
    expect(await parts.admission.connection.zscore(parts.redis.ipUsers(ip), 'long-ago')).toBeNull();
  });

  it('remembers for another day who is seen again', async () => {
    const subject = attempt();
    await observe(subject);
    const key = parts.redis.ipUsers(subject.ip);
    const [mark = ''] = await parts.admission.connection.zrange(key, '0', '-1');
    const longAgo = await nowMs() - dayMs / 2;
    await parts.admission.connection.zadd(key, longAgo, mark);
    expect(await observe(subject)).toMatchObject({ usersOfIp: 1 });
    expect(Number(await parts.admission.connection.zscore(key, mark))).toBeGreaterThan(longAgo);
  });

  it('counts at most 100 users of an address; more leave no trace there', async () => {
    const ip = '10.200.0.2';
    const counts = [];
    for (let i = 0; i < 103; i += 1) counts.push((await observe(attempt({ ip }))).usersOfIp);
    expect(counts.slice(-4)).toEqual([100, 100, 100, 100]);
    expect(await parts.admission.connection.zcard(parts.redis.ipUsers(ip))).toBe(100);
  });

  it('keeps nothing of further devices that a user makes up', async () => {
    const userId = newId('user');
    const ip = '10.200.0.3';
    for (let i = 0; i < 20; i += 1) await observe(attempt({ userId, ip, deviceId: newId('d') }));
    const before = Object.keys(await parts.lifetimes()).length;
    for (let i = 0; i < 50; i += 1) {
      expect(await observe(attempt({ userId, ip, deviceId: newId('d') })))
        .toMatchObject({ devicesOfUser: 20, usersOfDevice: 1 });
    }
    expect(Object.keys(await parts.lifetimes())).toHaveLength(before);
  });

  it('keeps its memory small under 10,000 attempts of one user', async () => {
    const own = new RiskParts();
    await own.connected();
    const subject = attempt({ deviceId: newId('device') });
    const grow = (times: number) => Promise.all(Array.from({ length: times }, () =>
      own.signals.observe(subject, true)));
    await grow(1);
    const atFirst = await own.bytes();
    for (let i = 0; i < 100; i += 1) await grow(100);
    const { attemptsLastHour = 0 } = await own.signals.look(subject);
    expect(attemptsLastHour).toBeLessThanOrEqual(10_001);
    // The hour may turn in between; then what lies before it counts a little less.
    expect(attemptsLastHour).toBeGreaterThan(9_500);
    // Longer numbers, not more of them.
    expect(await own.bytes()).toBeLessThanOrEqual(atFirst + 64);
    expect(atFirst).toBeLessThan(1_500);
    await own.close();
  }, 180_000);

  it('leaves no key that lives for ever', async () => {
    const own = new RiskParts();
    await own.connected();
    const subject = attempt({ deviceId: newId('device') });
    await own.signals.observe(subject, true);
    await own.holds.keep(subject, true);
    own.recent.add({ userId: 'alice', saleId: 'sale', signals: {} });
    await own.recent.flush();
    const lifetimes = await own.lifetimes();
    expect(Object.keys(lifetimes)).toHaveLength(7);
    for (const lifetimeMs of Object.values(lifetimes)) expect(lifetimeMs).toBeGreaterThan(0);
    await own.close();
  });

  it('knows a purchase, and compares its price with what the user usually spends', async () => {
    const userId = newId('user');
    const sale = saleWith({ price: { amount: 100, currency: 'EUR' } });
    expect(await observe(attempt({ userId, sale, quantity: 2 }))).toMatchObject({
      isFirstPurchase: 1, purchasesLastHour: 0, quantity: 2, quantityShareOfLimit: 1,
      amount: 200 });
    await parts.holds.keep(attempt({ userId, sale, quantity: 2 }), true);
    expect(await observe(attempt({ userId, sale, quantity: 1 }))).toMatchObject({
      isFirstPurchase: 0, purchasesLastHour: 1, amount: 100, amountTimesUsual: 0.5 });
    await parts.holds.keep(attempt({ userId, sale, quantity: 1 }), true);
    // 200 at first, then a quarter of 100: 175.
    expect((await observe(attempt({ userId, sale, quantity: 7 }))).amountTimesUsual).toBe(4);
    expect(await observe(attempt({ userId }))).not.toHaveProperty('amountTimesUsual');
  });

  it('knows the age of an account only where the token says it', async () => {
    const registeredAt = Math.floor(await nowMs() / 1_000) - 500;
    const { accountAgeSeconds = 0 } = await observe(attempt({ registeredAt }));
    expect(accountAgeSeconds).toBeGreaterThanOrEqual(499);
    expect(accountAgeSeconds).toBeLessThan(600);
    expect(await observe(attempt())).not.toHaveProperty('accountAgeSeconds');
  });

  it('counts nothing where it only claims', async () => {
    const own = new RiskParts();
    await own.connected();
    const subject = attempt({ deviceId: newId('device') });
    await own.signals.observe(subject, false);
    await own.holds.keep(subject, false);
    const keys = Object.keys(await own.lifetimes()).map((key) => key.split(':')[2]);
    expect(keys.sort()).toEqual(['device-holds', 'user-holds']);
    await own.close();
  });

  it.each([
    ['a count that is none', ['2', 'u', '', 'r', 'EUR', '1000', '1', '1']],
    ['a device mark without its keys', ['1', 'u', 'd', 'r', 'EUR', '1000', '1', '1']],
    ['no user', ['1', '', '', 'r', 'EUR', '1000', '1', '1']],
    ['no rid', ['1', 'u', '', '', 'EUR', '1000', '1', '1']],
    ['no currency', ['1', 'u', '', 'r', '', '1000', '1', '1']],
    ['a time that is not a number', ['1', 'u', '', 'r', 'EUR', 'nan', '1', '1']],
    ['a time below zero', ['1', 'u', '', 'r', 'EUR', '-5', '1', '1']],
    ['a cap that is not a number', ['1', 'u', '', 'r', 'EUR', '1000', '1e3', '1']],
    ['an argument too few', ['1', 'u', '', 'r', 'EUR', '1000', '1']],
  ])('refuses %s and writes nothing', async (_title, args) => {
    const own = new RiskParts();
    await own.connected();
    const keys = ['user', 'ip', 'devices', 'expired', 'cancelled', 'holds']
      .map((name) => own.admission.key(name));
    await expect(own.redis.run('observe', keys, args)).rejects.toThrow('arguments');
    expect(await own.lifetimes()).toEqual({});
    await own.close();
  });

  it('writes nothing when one of its keys is of another type', async () => {
    const own = new RiskParts();
    await own.connected();
    const subject = attempt({ deviceId: newId('device') });
    const wrong = own.redis.userHolds(subject.identity.userId);
    await own.admission.connection.set(wrong, 'text', 'EX', 100);
    await expect(own.signals.observe(subject, true)).rejects.toThrow('WRONGTYPE');
    expect(Object.keys(await own.lifetimes())).toEqual([wrong]);
    await own.close();
  });
});
