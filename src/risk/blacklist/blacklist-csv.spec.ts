import { csvHeader, readEntries, toCsv } from './blacklist-csv';
import type { BlacklistEntry } from './blacklist-entry';
import { readCsv, toCsvLine } from './csv';

const nowMs = Date.UTC(2026, 0, 31);
const csv = (...lines: string[]) => lines.join('\r\n');

describe('a CSV text', () => {
  it.each([
    ['plain', ['a', 'b c', '']],
    ['with commas and quotes', ['a,b', 'say "no"', '"']],
    ['of several lines', ['a\nb', 'c\r\nd']],
    ['that a spreadsheet would run', ['=1+1', '+1', '-1', '@SUM(A1)', '\tx', '\rx', '\uff1dx']],
    ['that is guarded already', ["'=1", "''+1", "'a", "'"]],
  ])('reads back as it was written: cells %s', (_kind, cells) => {
    expect(readCsv(toCsvLine(cells)).records).toEqual([{ line: 1, cells }]);
  });

  it.each(['=1+1', '+1', '-1', '@A1', '\t=1', '\uff1d1', '=cmd|\' /C calc\'!A0', '="a","b"'])(
    'lets no spreadsheet run %j', (cell) => {
      expect(toCsvLine([cell])).toMatch(/^"?'/);
    });

  it('says in which line each record begins, without byte order mark and empty lines', () => {
    expect(readCsv('\ufeffa,b\r\n\r\n"c\nd",e\n\nf,""')).toEqual({ records: [
      { line: 1, cells: ['a', 'b'] }, { line: 3, cells: ['c\nd', 'e'] },
      { line: 6, cells: ['f', ''] },
    ] });
  });

  it.each(['a,b\r\n"c', 'a,b\r\n"c"d', 'a,b\nc"d', 'a,b\n"c" ,d', 'a\nb\rc'])(
    'is refused with the line where quotes do not fit: %j', (text) => {
      expect(readCsv(text).fault).toMatch(/^Line 2: /);
    });

  it('of many quotes is read in no time', () => {
    const started = performance.now();
    expect(readCsv(`"${'""'.repeat(200_000)}`).fault).toBeDefined();
    // Milliseconds; many minutes if all that follows were read again at every quote.
    expect(performance.now() - started).toBeLessThan(30_000);
  });
});

describe('entries as CSV', () => {
  const entries: BlacklistEntry[] = [
    { kind: 'user', value: '=alice,"1"', reason: '-50 % sold on, "twice"', createdBy: '@operator',
      createdAtMs: nowMs },
    { kind: 'ip', value: '2001:db8::/32', reason: 'Ünïcode', createdBy: 'risk', createdAtMs: nowMs,
      expiresAtMs: nowMs + 1 },
  ];

  it('are read as they were exported', () => {
    expect(readEntries(csvHeader + entries.map(toCsv).join(''), nowMs)).toEqual({
      entries: entries.map(({ kind, value, reason, expiresAtMs }) =>
        ({ kind, value, reason, ...(expiresAtMs !== undefined && { expiresAtMs }) })),
      faults: [],
    });
  });

  it('may have their columns in any order, and addresses in any spelling', () => {
    expect(readEntries('reason,value,kind\nx,::ffff:10.0.0.1/128,ip', nowMs).entries)
      .toEqual([{ kind: 'ip', value: '10.0.0.1', reason: 'x' }]);
  });

  it.each(['', 'kind,value', 'kind,value,reason,kind', 'kind,value,reason,why', 'kind;value;reason',
    'user,mallory,Resells'])('need a header that names their columns: %j', (header) => {
    expect(readEntries(csv(header, 'user,mallory,Resells'), nowMs).faults)
      .toEqual([expect.stringContaining('The first line must name') as string]);
  });

  it.each([
    ['robot,x,r,', 'kind must be one of user, ip, device'],
    ['user,a b,r,', 'visible ASCII'],
    ['ip,10.0.0.1/8,r,', 'did you mean 10.0.0.0/8?'],
    ['user,x,,', 'reason'],
    ['user,x,r,tomorrow', 'expiresAt'],
    ['user,x,r,2026-01-31T00:00:00Z', 'in the future'],
    ['user,x,r', '3 cells instead of 4'],
    ['user,x,r,,', '5 cells instead of 4'],
    ['user,first,r,', 'user first stands in an earlier line'],
  ])('are refused with their line: %s', (line, fault) => {
    const { faults } = readEntries(
      csv('kind,value,reason,expiresAt', 'user,first,r,', '', line), nowMs);
    expect(faults).toEqual([expect.stringMatching(/^Line 4: /) as string]);
    expect(faults[0]).toContain(fault);
  });
});
