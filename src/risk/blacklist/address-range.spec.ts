import { readRange } from './address-range';

describe('an address or a network on the list', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['203.0.113.7/32', '203.0.113.7'],
    ['203.0.113.0/24', '203.0.113.0/24'],
    ['203.0.113.128/25', '203.0.113.128/25'],
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.0/120', '203.0.113.0/24'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8::1/128', '2001:db8::1'],
    ['2001:DB8::/32', '2001:db8::/32'],
    ['2001:db8:0:4::/62', '2001:db8:0:4::/62'],
    ['::/16', '::/16'],
  ])('%s is kept as %s', (text, range) => {
    expect(readRange(text)).toEqual({ range });
  });

  it.each<readonly [string, string]>([
    ['203.0.113.7/24', 'did you mean 203.0.113.0/24?'],
    ['203.0.113.3/31', 'did you mean 203.0.113.2/31?'],
    ['::ffff:203.0.113.7/120', 'did you mean 203.0.113.0/24?'],
    ['2001:db8::1/64', 'did you mean 2001:db8::/64?'],
    ['2001:db8:0:7::/62', 'did you mean 2001:db8:0:4::/62?'],
    ['0.0.0.0/0', '/8 at the widest'],
    ['10.0.0.0/7', '/8 at the widest'],
    ['::/0', '/16 at the widest'],
    ['2000::/3', '/16 at the widest'],
    ['::ffff:0:0/96', '/8 at the widest'],
    ['::ffff:0:0/80', '/8 at the widest'],
    ['10.0.0.0/33', 'has 32 bits'],
    ['2001:db8::/129', 'has 128 bits'],
    ...['', '/8', '10.0.0/8', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/-8', '10.0.0.0/1e1',
      '10.0.0.0/ 8', '10.0.0.*', '10.0.0.0-10.0.0.9', 'example.org', '256.0.0.0', '1::2::3',
    ].map((text) => [text, 'An IPv4 or IPv6 address'] as const),
  ])('%j is refused: %s', (text, fault) => {
    expect(readRange(text)).toEqual({ fault: expect.stringContaining(fault) as string });
  });
});
