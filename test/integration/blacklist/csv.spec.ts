import { admin } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { createInstallation, type Installation } from '../../support/product';
import { BlacklistProcess } from './blacklist-process';

describe('the blacklist as CSV', () => {
  let installation: Installation;
  let one: BlacklistProcess;

  beforeEach(async () => {
    installation = await createInstallation();
    one = await BlacklistProcess.start(installation);
  });

  afterEach(async () => {
    await one.stop();
    await installation.drop();
  });

  const importCsv = (csv: string) => one.client.call<{ entries: number }>('POST',
    '/admin/v1/blacklist/import', { as: admin, body: { csv } });
  const exportCsv = (query = '') =>
    one.client.call('GET', `/admin/v1/blacklist?format=csv${query}`, { as: admin });
  const columnsOf = (text: string) => text.split('\r\n').map((line) => line.split(',', 4).join());

  it('is exported, and an import of that into an empty list restores it', async () => {
    const text = [
      'kind,value,reason,expiresAt',
      "device,'=cmd(),'-50 % sold on,",
      'ip,198.51.100.0/24,Script,2098-01-01T00:00:00.000Z',
      'ip,2001:db8::1,"Ring, of ""many""",',
      "user,'@mallory,Überkauf,",
      '',
    ].join('\r\n');
    expect(await importCsv(text)).toMatchObject({ status: 200, body: { entries: 4 } });
    expect(one.excludes('@mallory')).toBe(true);
    expect(one.excludes('alice', '198.51.100.9')).toBe(true);
    expect(one.excludes('alice', '192.0.2.1', '=cmd()')).toBe(true);

    const exported = await exportCsv();
    expect(exported.headers['content-type']).toBe('text/csv; charset=utf-8');
    expect(columnsOf(exported.text)).toEqual(columnsOf(text));
    await one.database.execute('DELETE FROM blacklist');
    await importCsv(exported.text);
    expect(columnsOf((await exportCsv()).text)).toEqual(columnsOf(text));
    expect((await exportCsv('&kind=user')).text.split('\r\n')).toHaveLength(3);
  });

  it('is imported as a whole or not at all, and every fault is named with its line', async () => {
    const answer = await importCsv('kind,value,reason\nuser,good,x\nuser,b d,x\nip,10.0.0.1/8,x');
    expectProblem(answer, 'VALIDATION_FAILED');
    expect(answer.body.errors).toEqual([
      { path: 'csv', message: 'Line 3: A user id has 1 to 128 visible ASCII characters' },
      { path: 'csv', message: 'Line 4: The bits behind the prefix must be 0: '
        + 'did you mean 10.0.0.0/8?' },
    ]);
    expect(await one.database.query('SELECT 1 FROM blacklist')).toEqual([]);
  });

  it('takes some hundred lines a call, each with its audit entry', async () => {
    const lines = Array.from({ length: 300 }, (_, index) => `user,buyer-${index},Ring of January`);
    expect((await importCsv(['kind,value,reason', ...lines].join('\r\n'))).body.entries).toBe(300);
    expect(await one.database.query("SELECT COUNT(*) AS entries FROM audit_log "
      + "WHERE action = 'blacklist.put' AND actor = 'operator'")).toEqual([{ entries: 300 }]);
    expectProblem(await importCsv(lines.join('\r\n').repeat(3)), 'BODY_TOO_LARGE');
  });

  it('is exported whole when it is longer than one step of reading', async () => {
    const kinds = ['user', 'device'];
    for (const kind of kinds) {
      const rows = Array.from({ length: 6_000 }, (_, index) =>
        [kind, `${kind}-${index}`, `${kind}-${index}`, 'test', 'operator', 0]);
      await one.database.execute(
        'INSERT INTO blacklist (kind, value, id, reason, created_by, revision) VALUES ?', [rows]);
    }
    const values = (await exportCsv()).text.split('\r\n').slice(1, -1)
      .map((line) => line.split(',')[1]);
    expect(values).toHaveLength(12_000);
    expect(new Set(values).size).toBe(12_000);
  });
});
