import type { BlacklistEntry, BlacklistKind } from './blacklist-entry';
import { BlacklistTable } from './blacklist-table';

const nowMs = Date.UTC(2026, 0, 31);

function entry(kind: BlacklistKind, value: string, expiresAtMs?: number): BlacklistEntry {
  return { kind, value, reason: 'test', createdBy: 'operator', createdAtMs: nowMs,
    ...(expiresAtMs !== undefined && { expiresAtMs }) };
}

function tableOf(...entries: BlacklistEntry[]): BlacklistTable {
  const table = new BlacklistTable();
  for (const one of entries) table.set(one);
  return table;
}

const from = (ip: string) => ({ userId: 'alice', ip, deviceId: 'phone' });
const elsewhere = from('198.51.100.1');

describe('the blacklist in memory', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7', true],
    ['203.0.113.7', '203.0.113.8', false],
    ['203.0.113.7', '::ffff:203.0.113.7', true],
    ['203.0.113.7', '::FFFF:CB00:7107', true],
    ['203.0.113.0/24', '203.0.113.255', true],
    ['203.0.113.0/24', '203.0.112.255', false],
    ['203.0.113.0/24', '203.0.114.0', false],
    ['203.0.113.0/24', '::ffff:203.0.113.9', true],
    ['10.0.0.0/8', '10.255.255.255', true],
    ['10.0.0.0/8', '11.0.0.0', false],
    ['203.0.113.8/29', '203.0.113.15', true],
    ['203.0.113.8/29', '203.0.113.16', false],
    ['203.0.113.6/31', '203.0.113.7', true],
    ['203.0.113.6/31', '203.0.113.5', false],
    ['2001:db8::1', '2001:DB8:0:0::1', true],
    ['2001:db8::1', '2001:db8::1%eth0', true],
    ['2001:db8::1', '2001:db8::2', false],
    ['2001:db8:0:4::/62', '2001:db8:0:7:ffff:ffff:ffff:ffff', true],
    ['2001:db8:0:4::/62', '2001:db8:0:8::', false],
    ['2001:db8::/32', '2001:db8:ffff::1', true],
    ['2001:db8::/32', '2001:db9::', false],
    ['2001:db8::fffe/127', '2001:db8::ffff', true],
    ['2001:db8::fffe/127', '2001:db8::fffd', false],
    ['::/16', '::1', true],
    ['::/16', '203.0.113.7', false],
    ['::/16', '::ffff:203.0.113.7', false],
    ['4000::/18', '64.0.0.0', false],
    ['64.0.0.0/8', '4000::', false],
    ['10.0.0.0/8', 'not an address', false],
    ['10.0.0.0/8', '', false],
  ])('%s on the list, and %s asks: excluded is %s', (value, ip, isExcluded) => {
    const one = entry('ip', value);
    expect(tableOf(one).find(from(ip), nowMs)).toBe(isExcluded ? one : undefined);
  });

  it('knows users and devices by every letter, and never takes one kind for another', () => {
    const table = tableOf(entry('user', 'alice'), entry('device', 'phone'));
    expect(table.find({ userId: 'alice', ip: '::1' }, nowMs)).toEqual(entry('user', 'alice'));
    expect(table.find({ userId: 'bob', ip: '::1', deviceId: 'phone' }, nowMs))
      .toEqual(entry('device', 'phone'));
    expect(table.find({ userId: 'phone', ip: '::1', deviceId: 'alice' }, nowMs)).toBeUndefined();
    expect(table.find({ userId: 'Alice', ip: '::1', deviceId: 'Phone' }, nowMs)).toBeUndefined();
    expect(table.find({ userId: '__proto__', ip: '::1', deviceId: 'constructor' }, nowMs))
      .toBeUndefined();
  });

  it.each(['user', 'ip', 'device'] as const)('excludes by %s to the last millisecond, then not',
    (kind) => {
      const value = { user: 'alice', ip: '198.51.100.0/24', device: 'phone' }[kind];
      const one = entry(kind, value, nowMs);
      expect(tableOf(one).find(elsewhere, nowMs - 1)).toBe(one);
      expect(tableOf(one).find(elsewhere, nowMs)).toBeUndefined();
    });

  it('finds the network around an address whose own entry has expired', () => {
    const network = entry('ip', '198.51.100.0/24');
    const table = tableOf(entry('ip', '198.51.100.1', nowMs - 1), network,
      entry('user', 'alice', nowMs - 1));
    expect(table.find(elsewhere, nowMs)).toBe(network);
  });

  it('lets go of what is deleted or has expired, and of nothing else', () => {
    const last = entry('ip', '198.51.0.0/16', nowMs + 1);
    const table = tableOf(entry('ip', '198.51.100.1', nowMs - 1), entry('device', 'phone', nowMs),
      entry('ip', '198.51.100.0/24'), entry('user', 'alice'), last);
    table.prune(nowMs);
    table.delete({ kind: 'user', value: 'alice' });
    table.delete({ kind: 'user', value: 'nobody' });
    table.delete({ kind: 'ip', value: '198.51.100.0/25' });
    table.delete({ kind: 'ip', value: '198.51.100.0/24' });
    expect(table.find(elsewhere, nowMs - 2)).toBe(last);
  });

  it('replaces the entry about the same', () => {
    const later = entry('ip', '198.51.100.1', nowMs + 1);
    const table = tableOf(entry('ip', '198.51.100.1', nowMs - 1), later);
    expect(table.find(elsewhere, nowMs)).toBe(later);
  });
});
