import { canonicalIp, ipNetworkOf } from './address';

describe('one spelling of an address', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::', '::'],
    ['::1', '::1'],
    ['2001:DB8::1', '2001:db8::1'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:0201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:0:5', '0.0.0.5'],
    ['::ffff:192.0.2.1%1', '192.0.2.1'],
    ['::fffe:192.0.2.1', '::fffe:c000:201'],
    ['1::ffff:192.0.2.1', '1::ffff:c000:201'],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalIp(text)).toBe(canonical);
    expect(canonicalIp(canonical)).toBe(canonical);
  });

  it.each(['', 'localhost', '203.0.113', '203.0.113.256', '010.0.0.1', '1::2::3', '[::1]', '::1/64',
    '1:2:3:4:5:6:7:8:9', '::1]@evil', ' ::1', '%eth0'])('%j is no address', (text) => {
    expect(canonicalIp(text)).toBeUndefined();
    expect(ipNetworkOf(text)).toBeUndefined();
  });
});

describe('the network that one subscriber has at his disposal', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8:0:1::', '2001:db8:0:1::/64'],
    ['2001:db8:0:1:ffff:ffff:ffff:ffff', '2001:db8:0:1::/64'],
    ['2001:0DB8::1:0:0:0:1%eth0', '2001:db8:0:1::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8::2:3:4:5:6', '2001:db8:0:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::1:2:3:4:5:6', '0:0:1:2::/64'],
    ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
  ])('%s is of %s', (text, network) => {
    expect(ipNetworkOf(text)).toBe(network);
  });

  it('is another one when a bit of the first 64 differs', () => {
    expect(ipNetworkOf('2001:db8:0:1::1')).not.toBe(ipNetworkOf('2001:db8:0:2::1'));
  });
});
