import { newId } from '../../../src/kernel';
import { isOfService, type Order } from '../../../src/order';
import { attempt, orderOf, RiskParts, saleWith } from './risk-parts';

describe('places among the unpaid orders', () => {
  let parts: RiskParts;
  beforeAll(async () => {
    parts = new RiskParts();
    await parts.connected();
  });
  afterAll(() => parts.close());

  const claim = async (subject: ReturnType<typeof attempt>) => {
    const { hold, isNewHold } = await parts.signals.observe(subject, true);
    return `${hold}${isNewHold ? ' new' : ''}`;
  };
  const release = ({ identity: { userId }, deviceId, rid }: ReturnType<typeof attempt>) =>
    parts.holds.release({ userId, deviceId, rid });
  const placesOf = (userId: string) =>
    parts.admission.connection.zrange(parts.redis.userHolds(userId), '0', '-1');
  const expiredOf = async (subject: ReturnType<typeof attempt>) =>
    (await parts.signals.look(subject)).expiredOrdersLastDay;

  it('are never more than the cap under 200 parallel attempts of one user', async () => {
    const userId = newId('user');
    const results = await Promise.all(Array.from({ length: 200 }, () =>
      claim(attempt({ userId }))));
    expect(results.filter((result) => result === 'free new')).toHaveLength(3);
    expect(results.filter((result) => result === 'over_user')).toHaveLength(197);
    expect(await placesOf(userId)).toHaveLength(3);
  });

  it('are never more than the cap under 200 parallel users of one device', async () => {
    const deviceId = newId('device');
    const subjects = Array.from({ length: 200 }, () => attempt({ deviceId }));
    const results = await Promise.all(subjects.map(claim));
    expect(results.filter((result) => result === 'free new')).toHaveLength(4);
    expect(results.filter((result) => result === 'over_device')).toHaveLength(196);
    const places = await Promise.all(subjects.map(({ identity }) => placesOf(identity.userId)));
    expect(places.flat()).toHaveLength(4);
  });

  it('are one for all retries of a purchase', async () => {
    const subject = attempt();
    for (let i = 0; i < 5; i += 1) expect(await claim(subject)).toBe('free new');
    expect(await placesOf(subject.identity.userId)).toEqual([subject.rid]);
  });

  it('let a retry of a placed order through when all are taken', async () => {
    const userId = newId('user');
    const subjects = Array.from({ length: 3 }, () => attempt({ userId }));
    for (const subject of subjects) {
      await claim(subject);
      await parts.holds.keep(subject, true);
    }
    expect(await claim(attempt({ userId }))).toBe('over_user');
    expect(await claim(subjects[0] ?? attempt())).toBe('free');
  });

  it('are given back by an attempt that came to nothing', async () => {
    const userId = newId('user');
    const subject = attempt({ userId, deviceId: newId('device') });
    await claim(subject);
    await release(subject);
    expect(await placesOf(userId)).toEqual([]);
  });

  it('stay when of two parallel attempts with one key one fails', async () => {
    const subject = attempt();
    await Promise.all([claim(subject), claim(subject)]);
    await release(subject);
    expect(await placesOf(subject.identity.userId)).toEqual([subject.rid]);
    await parts.holds.keep(subject, true);
    await release(subject);
    expect(await placesOf(subject.identity.userId)).toEqual([subject.rid]);
  });

  it('are given back when both of two parallel attempts with one key fail', async () => {
    const subject = attempt();
    await Promise.all([claim(subject), claim(subject)]);
    await Promise.all([release(subject), release(subject)]);
    expect(await placesOf(subject.identity.userId)).toEqual([]);
  });

  it('do not come back when a purchase is recorded after its order was decided', async () => {
    const subject = attempt();
    await claim(subject);
    await parts.holds.decided([orderOf(subject, 'cancelled')]);
    await parts.holds.keep(subject, true);
    expect(await placesOf(subject.identity.userId)).toEqual([]);
  });

  it('end by themselves after the time to pay', async () => {
    const userId = newId('user');
    await parts.admission.connection.zadd(parts.redis.userHolds(userId),
      ...['a', 'b', 'c'].flatMap((rid) => [parts.clock.now() - 1_000, rid]));
    expect(await claim(attempt({ userId }))).toBe('free new');
    expect(await placesOf(userId)).toHaveLength(1);
  });

  it('last as long as the time to pay of their own sale', async () => {
    const userId = newId('user');
    const long = attempt({ userId, sale: saleWith({ payWindowSeconds: 604_800 }) });
    await claim(long);
    await claim(attempt({ userId, sale: saleWith({ payWindowSeconds: 60 }) }));
    const key = parts.redis.userHolds(userId);
    const ends = Number(await parts.admission.connection.zscore(key, long.rid));
    const lifetimeMs = await parts.admission.connection.pttl(key);
    expect(ends - parts.clock.now()).toBeGreaterThan(604_800_000);
    expect(lifetimeMs).toBeGreaterThan(ends - parts.clock.now());
  });

  it.each<[Order['status'], 'free' | 'held']>([
    ['pending_payment', 'held'], ['paid', 'free'], ['cancelled', 'free'], ['expired', 'free'],
    ['frozen', 'free'], ['rejected', 'free'], ['refunded', 'free'],
  ])('of an order that is now %s are %s', async (status, expected) => {
    const subject = attempt({ deviceId: newId('device') });
    await claim(subject);
    await parts.holds.keep(subject, true);
    await parts.holds.decided([orderOf(subject, status)]);
    expect(await placesOf(subject.identity.userId))
      .toEqual(expected === 'held' ? [subject.rid] : []);
  });

  it('count an order that expired once, however often that is told', async () => {
    const subject = attempt();
    const order = orderOf(subject, 'expired');
    await Promise.all([parts.holds.decided([order]), parts.holds.decided([order, order])]);
    expect(await expiredOf(subject)).toBe(1);
  });

  it('count an order whose row does not say yet when it was closed as closed now', async () => {
    const subject = attempt();
    const order = { ...orderOf(subject, 'expired'), closedAt: undefined };
    await parts.holds.decided([order]);
    expect(await expiredOf(subject)).toBe(1);
  });

  it('do not count an order of last week that a recovery tells of', async () => {
    const subject = attempt();
    await parts.holds.decided([orderOf(subject, 'expired', new Date(Date.now() - 7 * 86_400_000))]);
    expect(await expiredOf(subject)).toBe(0);
  });

  it('count no order that a service ended, or a review', async () => {
    const subject = attempt();
    const ofShop = `${subject.rid}_shop`;
    expect(isOfService(ofShop)).toBe(true);
    await parts.holds.decided([
      { ...orderOf(subject, 'expired'), id: ofShop },
      ...['UNITS_GONE', 'LIMIT_EXCEEDED', 'BANNED', 'CANCELLED_IN_REVIEW'].map((reason) =>
        ({ ...orderOf(attempt({ userId: subject.identity.userId }), 'cancelled'), reason })),
    ]);
    const { userId } = subject.identity;
    const { connection } = parts.admission;
    expect(await connection.zcard(parts.redis.expired(userId))).toBe(0);
    expect(await connection.zcard(parts.redis.cancelled(userId))).toBe(0);
    await parts.holds.decided(
      [{ ...orderOf(subject, 'cancelled'), reason: 'CANCELLED_BY_BUYER' }]);
    expect(await connection.zcard(parts.redis.cancelled(userId))).toBe(1);
  });

  it('remember at most 100 expired orders of a user', async () => {
    const userId = newId('user');
    const orders = Array.from({ length: 150 }, () => orderOf(attempt({ userId }), 'expired'));
    await parts.holds.decided(orders);
    expect(await parts.admission.connection.zcard(parts.redis.expired(userId))).toBe(100);
  });
});
