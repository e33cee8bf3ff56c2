import { AddressRanges } from './address-ranges';

const ranges = new AddressRanges(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1']);

describe('address ranges', () => {
  it.each(['10.1.2.3', '192.0.2.7', '2001:db8:ffff::1', '::1', '::ffff:10.1.2.3',
    '::ffff:a01:203'])('include %s', (address) => {
    expect(ranges.includes(address)).toBe(true);
  });

  it.each(['11.0.0.1', '192.0.2.8', '2001:db9::1', '::2', '::ffff:11.0.0.1', '', 'localhost',
    '10.1.2.3, 10.1.2.4', '10.1.2.3/8'])('do not include %j', (address) => {
    expect(ranges.includes(address)).toBe(false);
  });

  it('include nothing when there are none', () => {
    expect(new AddressRanges([]).includes('127.0.0.1')).toBe(false);
  });
});
