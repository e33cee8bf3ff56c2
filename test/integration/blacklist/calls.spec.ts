import { admin, type Caller } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { createInstallation, type Installation } from '../../support/product';
import type { EntryView } from '../../../src/risk/blacklist/blacklist.schemas';
import { BlacklistProcess, origin } from './blacklist-process';

const reviewer = { userId: 'reviewer', roles: ['risk' as const] };
const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

interface Page { items: EntryView[]; nextCursor: string | null }
interface AuditPage { items: { action: string; actor: string; detail: object; ip: string }[] }

describe('the calls about the blacklist', () => {
  let installation: Installation;
  let one: BlacklistProcess;

  beforeAll(async () => {
    installation = await createInstallation();
    one = await BlacklistProcess.start(installation);
  });

  afterAll(async () => {
    await one.stop();
    await installation.drop();
  });

  const path = (kind: string, value: string) =>
    `/admin/v1/blacklist/${kind}/${encodeURIComponent(value)}`;
  const put = (kind: string, value: string, body: object = { reason: 'test' },
    as: Caller = admin) => one.client.call<EntryView>('PUT', path(kind, value), { as, body });
  const read = (kind: string, value: string) =>
    one.client.call<EntryView>('GET', path(kind, value), { as: admin });
  const remove = (kind: string, value: string) =>
    one.client.call('DELETE', path(kind, value), { as: admin });
  const list = (query = '') =>
    one.client.call<Page>('GET', `/admin/v1/blacklist${query}`, { as: admin });
  const auditOf = async (id: string) =>
    (await one.client.call<AuditPage>('GET', `/admin/v1/audit?subjectId=${id}`, { as: admin }))
      .body.items;

  it('put, show and remove an entry, and tell the audit log before and after', async () => {
    const expiresAt = inAnHour();
    const first = await put('user', 'mallory', { reason: ' Resells ', expiresAt });
    expect(first).toMatchObject({ status: 200, body: { kind: 'user', value: 'mallory',
      reason: 'Resells', createdBy: 'operator', expiresAt } });
    expect((await read('user', 'mallory')).body).toEqual(first.body);
    const second = await put('user', 'mallory', { reason: 'Banned' }, reviewer);
    expect(second).toMatchObject({ status: 200,
      body: { id: first.body.id, createdBy: 'reviewer' } });
    expect(second.body).not.toHaveProperty('expiresAt');
    expect((await remove('user', 'mallory')).status).toBe(204);
    expectProblem(await read('user', 'mallory'), 'NOT_FOUND');

    const before = { reason: 'Resells', createdBy: 'operator', expiresAt };
    const after = { reason: 'Banned', createdBy: 'reviewer', expiresAt: null };
    const subject = { kind: 'user', value: 'mallory' };
    const entries = await auditOf(first.body.id);
    expect(entries.reverse()).toMatchObject([
      { action: 'blacklist.put', actor: 'operator', ip: '127.0.0.1',
        detail: { ...subject, before: null, after: before } },
      { action: 'blacklist.put', actor: 'reviewer', detail: { ...subject, before, after } },
      { action: 'blacklist.remove', actor: 'operator', detail: { ...subject, before: after } },
    ]);
  });

  it('answer a removal that is asked for again alike, and one of nothing with 404', async () => {
    await put('device', 'phone');
    expect((await remove('device', 'phone')).status).toBe(204);
    expect((await remove('device', 'phone')).status).toBe(204);
    const unknown = await remove('device', 'phnoe');
    expectProblem(unknown, 'NOT_FOUND');
    await put('device', 'phone');
    expect((await read('device', 'phone')).status).toBe(200);
  });

  it.each([
    ['user', 'auth0|7/%2F?#&"=', 'auth0|7/%2F?#&"='],
    ['user', 'x'.repeat(128), 'x'.repeat(128)],
    ['device', '%'.repeat(128), '%'.repeat(128)],
    ['ip', '203.0.113.0/24', '203.0.113.0/24'],
    ['ip', '::ffff:192.0.2.0/120', '192.0.2.0/24'],
    ['ip', '2001:DB8:0:0::/32', '2001:db8::/32'],
  ])('know a %s with the value %s', async (kind, value, canonical) => {
    expect((await put(kind, value)).body.value).toBe(canonical);
    expect((await read(kind, value)).body.value).toBe(canonical);
    expect((await remove(kind, canonical)).status).toBe(204);
  });

  it.each([
    ['robot', 'x', {}, 'kind'],
    ['user', 'a b', {}, 'value'],
    ['user', 'ä', {}, 'value'],
    ['user', 'x'.repeat(129), {}, 'value'],
    ['device', ' ', {}, 'value'],
    ['ip', 'example.org', {}, 'value'],
    ['ip', '0.0.0.0/0', {}, 'value'],
    ['ip', '203.0.113.7/24', {}, 'value'],
    ['user', 'x', { reason: undefined }, 'reason'],
    ['user', 'x', { reason: ' ' }, 'reason'],
    ['user', 'x', { reason: 'x'.repeat(501) }, 'reason'],
    ['user', 'x', { reason: 'a\nb' }, 'reason'],
    ['user', 'x', { expiresAt: 'tomorrow' }, 'expiresAt'],
    ['user', 'x', { expiresAt: '2026-01-31T10:00:00' }, 'expiresAt'],
    ['user', 'x', { expiresAt: '2020-01-31T10:00:00Z' }, 'expiresAt'],
    ['user', 'x', { expiresAt: '9999-12-31T23:59:59-12:00' }, 'expiresAt'],
    ['user', 'x', { until: 'doomsday' }, 'until'],
  ])('refuse %s %s with %j and name %s', async (kind, value, changes, field) => {
    const answer = await put(kind, value, { reason: 'test', ...changes });
    expectProblem(answer, 'VALIDATION_FAILED');
    expect(answer.body.errors?.map((error) => error.path)).toEqual([field]);
  });

  it('are for the roles admin and risk alone', async () => {
    const calls = [['PUT', path('user', 'x')], ['GET', path('user', 'x')],
      ['DELETE', path('user', 'x')], ['GET', '/admin/v1/blacklist'],
      ['POST', '/admin/v1/blacklist/import']] as const;
    const callers: Caller[] = ['buyer', { userId: 'guest', roles: ['viewer'] }];
    for (const [method, url] of calls) {
      const body = method === 'PUT' ? { reason: 'test' } : { csv: 'kind,value,reason' };
      expectProblem(await one.client.call(method, url, { body }), 'UNAUTHENTICATED');
      for (const as of callers) {
        expectProblem(await one.client.call(method, url, { as, body }), 'FORBIDDEN');
      }
    }
  });

  it('list what is in force, newest first, page by page and by kind', async () => {
    const users = Array.from({ length: 60 }, (_, index) => `listed-${index}`);
    await one.excludeInSilence(...users);
    await put('ip', '198.51.100.7');
    await put('user', 'removed');
    await remove('user', 'removed');
    await put('user', 'expired', { reason: 'test', expiresAt: inAnHour() });
    await one.database.execute("UPDATE blacklist SET expires_at = NOW(3) WHERE value = 'expired'");

    const first = await list('?kind=user');
    expect(first.body.items).toHaveLength(50);
    const second = await list(`?kind=user&cursor=${first.body.nextCursor}`);
    expect(second.body.nextCursor).toBeNull();
    const items = [...first.body.items, ...second.body.items];
    expect(new Set(items.map(({ value }) => value))).toEqual(new Set(users));
    expect((await list()).body.items[0]).toMatchObject({ kind: 'ip', value: '198.51.100.7' });
    expectProblem(await list('?kind=robot'), 'VALIDATION_FAILED');
    expectProblem(await read('user', 'expired'), 'NOT_FOUND');
  });
});

describe('what other parts of the product decide', () => {
  let installation: Installation;
  let one: BlacklistProcess;

  beforeAll(async () => {
    installation = await createInstallation();
    one = await BlacklistProcess.start(installation);
  });

  afterAll(async () => {
    await one.stop();
    await installation.drop();
  });

  const entryOf = async (user: string) => (await one.client.call<EntryView>('GET',
    `/admin/v1/blacklist/user/${user}`, { as: admin })).body;
  const excludeFor = (user: string, hours?: number, actor = 'risk') =>
    one.database.transaction((transaction) => one.administration.exclude(transaction, {
      kind: 'user', value: user, reason: `by ${actor}`,
      ...(hours !== undefined && { expiresAtMs: Date.now() + hours * 3_600_000 }),
    }, { ...origin, actor }));
  const liftByRisk = (user: string) => one.database.transaction((transaction) =>
    one.administration.liftBy(transaction, 'risk', { kind: 'user', value: user }, origin));

  it('makes an exclusion longer but never shorter', async () => {
    await excludeFor('alice', 2);
    await excludeFor('alice', 1, 'somebody');
    expect((await entryOf('alice')).createdBy).toBe('risk');
    await excludeFor('alice', undefined, 'reviewer');
    await excludeFor('alice', 24);
    const entry = await entryOf('alice');
    expect(entry).toMatchObject({ createdBy: 'reviewer', reason: 'by reviewer' });
    expect(entry).not.toHaveProperty('expiresAt');
  });

  it('lifts what it decided itself, and leaves what an operator decided', async () => {
    await excludeFor('bob', 24);
    await excludeFor('carol', 24, 'operator');
    await liftByRisk('bob');
    await liftByRisk('carol');
    await liftByRisk('nobody');
    expectProblem(await one.client.call('GET', '/admin/v1/blacklist/user/bob', { as: admin }),
      'NOT_FOUND');
    expect((await entryOf('carol')).createdBy).toBe('operator');
  });

  it('leaves neither an entry nor an audit entry when its transaction fails', async () => {
    const failure = one.database.transaction(async (transaction) => {
      await one.exclude(transaction, 'dave');
      throw new Error('the case could not be opened');
    });
    await expect(failure).rejects.toThrow('the case could not be opened');
    await one.administration.announce();
    expect(one.excludes('dave')).toBe(false);
    expect(await one.database.query(
      "SELECT 1 FROM audit_log WHERE detail LIKE '%dave%'")).toEqual([]);
  });
});
