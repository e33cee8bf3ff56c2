import { RedisConnections } from '../../../src/infra/redis';
import { Blacklist } from '../../../src/risk';
import { admin } from '../../support/client';
import { FaultProxy } from '../../support/fault-proxy';
import { createInstallation, type Installation } from '../../support/product';
import { until } from '../../support/until';
import { BlacklistProcess, origin } from './blacklist-process';

const put = (process: BlacklistProcess, user: string) =>
  process.client.call('PUT', `/admin/v1/blacklist/user/${user}`,
    { as: admin, body: { reason: 'test' } });

/** Waits until it is so. How long that takes says more about the machine than about the product. */
async function soon(what: string, isSo: () => boolean): Promise<void> {
  await until(what, async () => isSo(), 30_000);
}

/** From here on the process hears of changes by messages alone; they are on their way to it. */
async function withoutLooking(process: BlacklistProcess): Promise<void> {
  process.get(Blacklist).onModuleDestroy();
  const connections = process.get(RedisConnections);
  await until('it hears messages', async () => {
    const [, listeners] = await connections.general
      .pubsub('NUMSUB', connections.channel('blacklist')) as [string, number];
    return listeners >= 2;
  });
}

jest.setTimeout(180_000);

describe('a blacklist of several processes', () => {
  let installation: Installation;
  let one: BlacklistProcess;
  let other: BlacklistProcess;

  beforeAll(async () => {
    installation = await createInstallation();
    one = await BlacklistProcess.start(installation);
    other = await BlacklistProcess.start(installation);
  });

  afterAll(async () => {
    await one.stop();
    await other.stop();
    await installation.drop();
  });

  it('is in force where it was asked for at the answer, and soon elsewhere', async () => {
    const own = await createInstallation();
    const told = await BlacklistProcess.start(own);
    const alsoTold = await BlacklistProcess.start(own);
    try {
      for (const process of [told, alsoTold]) await withoutLooking(process);
      expect((await put(told, 'mallory')).status).toBe(200);
      expect(told.excludes('mallory')).toBe(true);
      await soon('the other excludes him', () => alsoTold.excludes('mallory'));
      await alsoTold.client.call('DELETE', '/admin/v1/blacklist/user/mallory', { as: admin });
      expect(alsoTold.excludes('mallory')).toBe(false);
      await soon('the first has let him go', () => !told.excludes('mallory'));
    } finally {
      await told.stop();
      await alsoTold.stop();
      await own.drop();
    }
  });

  it('looks more often than once a second', async () => {
    const timers = jest.spyOn(globalThis, 'setInterval');
    const blacklist = other.get(Blacklist);
    blacklist.onModuleDestroy();
    await blacklist.onModuleInit();
    const periods = timers.mock.calls.map(([, milliseconds]) => Number(milliseconds));
    timers.mockRestore();
    expect(Math.min(...periods)).toBeLessThan(1_000);
  });

  it('is in force everywhere when every message about it is lost', async () => {
    await one.excludeInSilence('oscar');
    await soon('both exclude him', () => one.excludes('oscar') && other.excludes('oscar'));
    await one.database.transaction((transaction) => one.administration.liftBy(
      transaction, 'risk', { kind: 'user', value: 'oscar' }, origin));
    await soon('both have let him go',
      () => !one.excludes('oscar') && !other.excludes('oscar'));
  });

  it('gives 50 changes at once a revision each, and no process misses one', async () => {
    const users = Array.from({ length: 50 }, (_, index) => `crowd-${index}`);
    const answers = await Promise.all(users.map((user, index) =>
      put(index % 2 === 0 ? one : other, user)));
    expect(answers.map(({ status }) => status)).toEqual(users.map(() => 200));
    await soon('both exclude all of them', () =>
      users.every((user) => one.excludes(user) && other.excludes(user)));
    const rows = await one.database.query<{ revision: number }>(
      "SELECT revision FROM blacklist WHERE value LIKE 'crowd-%'");
    expect(new Set(rows.map(({ revision }) => revision)).size).toBe(50);
  });

  it('misses no change whose transaction began first and ended last', async () => {
    const begun = Promise.withResolvers<void>();
    const mayEnd = Promise.withResolvers<void>();
    const first = one.database.transaction(async (transaction) => {
      await one.exclude(transaction, 'slow');
      begun.resolve();
      await mayEnd.promise;
    });
    await begun.promise;
    const second = put(other, 'quick');
    // The other process looks at the list while the first change hangs.
    await other.administration.announce();
    expect(other.excludes('slow')).toBe(false);
    mayEnd.resolve();
    await Promise.all([first, second]);
    await soon('both changes are in force', () =>
      other.excludes('slow') && other.excludes('quick'));
  });

  it('forgets what went out of force a day ago, and reads on', async () => {
    await one.excludeInSilence('removed', 'expired', 'kept');
    await other.client.call('DELETE', '/admin/v1/blacklist/user/removed', { as: admin });
    const ago = 'NOW(3) - INTERVAL 25 HOUR';
    await one.database.execute(
      `UPDATE blacklist SET removed_at = ${ago} WHERE value = 'removed'`);
    await one.database.execute(
      `UPDATE blacklist SET expires_at = ${ago} WHERE value = 'expired'`);
    await put(one, 'next');
    const rows = await one.database.query<{ value: string }>(
      "SELECT value FROM blacklist WHERE value IN ('removed', 'expired', 'kept', 'next')");
    expect(rows.map(({ value }) => value).sort()).toEqual(['kept', 'next']);
    await soon('the rest is in force', () => other.excludes('kept')
      && other.excludes('next') && !other.excludes('removed'));
  });

  it('is read anew when the database was set back to an older state', async () => {
    await one.excludeInSilence('stays');
    await put(one, 'undone');
    await soon('both are known', () => other.excludes('undone') && one.excludes('undone'));
    await one.database.transaction(async (transaction) => {
      await transaction.execute("DELETE FROM blacklist WHERE value = 'undone'");
      await transaction.execute('UPDATE blacklist_revision SET revision = revision - 1');
    });
    await soon('what never was is not in force',
      () => !other.excludes('undone') && !one.excludes('undone'));
    expect(other.excludes('stays') && one.excludes('stays')).toBe(true);
  });

  it('is complete before a new process answers anybody', async () => {
    await put(one, 'long-known');
    const late = await BlacklistProcess.start(installation);
    try {
      expect(late.excludes('long-known')).toBe(true);
    } finally {
      await late.stop();
    }
  });
});

describe('a process that cannot reach the database', () => {
  let installation: Installation;
  let connected: BlacklistProcess;
  let cutOff: BlacklistProcess;
  let way: FaultProxy;

  beforeAll(async () => {
    installation = await createInstallation();
    const databaseUrl = new URL(installation.environment['DATABASE_URL'] ?? '');
    way = await FaultProxy.start(Number(databaseUrl.port));
    databaseUrl.port = String(way.port);
    connected = await BlacklistProcess.start(installation);
    cutOff = await BlacklistProcess.start(installation, { DATABASE_URL: databaseUrl.href });
  });

  afterAll(async () => {
    await connected.stop();
    await cutOff.stop();
    await way.stop();
    await installation.drop();
  });

  async function whileCutOff(work: () => Promise<void>): Promise<void> {
    await way.refuse();
    // A look that fails: from now on it is cut off for sure.
    await cutOff.administration.announce();
    await work();
    await way.accept();
  }

  it('keeps its last snapshot, says 503 to operators, and catches up', async () => {
    await put(connected, 'before');
    await soon('it is known', () => cutOff.excludes('before'));
    await whileCutOff(async () => {
      await put(connected, 'meanwhile');
      await cutOff.administration.announce();
      expect(cutOff.excludes('before')).toBe(true);
      expect(cutOff.excludes('meanwhile')).toBe(false);
      expect((await put(cutOff, 'nobody')).body.code).toBe('TEMPORARILY_UNAVAILABLE');
    });
    await until('it has caught up', async () => cutOff.excludes('meanwhile'));
    expect(cutOff.excludes('before')).toBe(true);
  });

  it('learns of a removal that the list has forgotten before it came back', async () => {
    await put(connected, 'lifted');
    await put(connected, 'banned');
    await soon('both are known', () =>
      cutOff.excludes('lifted') && cutOff.excludes('banned'));
    await whileCutOff(async () => {
      await connected.client.call('DELETE', '/admin/v1/blacklist/user/lifted', { as: admin });
      await connected.database.execute(
        "UPDATE blacklist SET removed_at = NOW(3) - INTERVAL 25 HOUR WHERE value = 'lifted'");
      await put(connected, 'next');
    });
    expect(cutOff.excludes('lifted')).toBe(true);
    await until('it has caught up', async () => cutOff.excludes('next'));
    expect(cutOff.excludes('lifted')).toBe(false);
    expect(cutOff.excludes('banned')).toBe(true);
  });
});
