import type { LookupAddress } from 'node:dns';
import { AddressRanges } from '../../kernel';
import { PublicAddresses } from './public-addresses';

const addresses = new PublicAddresses(new AddressRanges([]));

describe('a public address', () => {
  it.each(['1.1.1.1', '9.255.255.255', '100.63.255.255', '100.128.0.0', '172.32.0.1', '198.20.0.1',
    '223.255.255.255', '2606:4700::1111', '2a00:1450:4001:81b::200e'])('is %s', (address) => {
    expect(addresses.includes(address)).toBe(true);
  });

  it.each([
    ['this network', '0.0.0.0'], ['loopback', '127.0.0.1'], ['loopback', '127.255.255.254'],
    ['private', '10.0.0.1'], ['private', '172.16.0.1'], ['private', '172.31.255.255'],
    ['private', '192.168.1.1'], ['link-local', '169.254.0.1'], ['metadata', '169.254.169.254'],
    ['carrier-grade NAT', '100.64.0.1'], ['documentation', '192.0.2.1'],
    ['documentation', '198.51.100.1'], ['documentation', '203.0.113.1'],
    ['benchmarking', '198.18.0.1'], ['multicast', '224.0.0.1'], ['reserved', '240.0.0.1'],
    ['broadcast', '255.255.255.255'], ['unspecified', '::'], ['loopback', '::1'],
    ['link-local', 'fe80::1'], ['link-local in a zone', 'fe80::1%lo'], ['unique local', 'fd00::1'],
    ['metadata', 'fd00:ec2::254'], ['multicast', 'ff02::1'], ['documentation', '2001:db8::1'],
    ['documentation', '3fff::1'], ['mapped loopback', '::ffff:127.0.0.1'],
    ['mapped loopback', '::ffff:7f00:1'], ['compatible loopback', '::7f00:1'],
    ['NAT64 of loopback', '64:ff9b::7f00:1'], ['local NAT64', '64:ff9b:1::a00:1'],
    ['6to4 of loopback', '2002:7f00:1::'], ['Teredo', '2001:0:4136:e378::1'],
    ['no address', 'localhost'], ['nothing', ''],
  ])('is not one for %s (%s)', (_kind, address) => {
    expect(addresses.includes(address)).toBe(false);
  });

  it('may be another one where it is an exception', () => {
    const own = new PublicAddresses(new AddressRanges(['10.20.0.0/16', 'fd00::7']));
    expect(['10.20.3.4', 'fd00::7', '1.1.1.1'].map((address) => own.includes(address)))
      .toEqual([true, true, true]);
    expect(['10.21.3.4', 'fd00::8', '127.0.0.1'].map((address) => own.includes(address)))
      .toEqual([false, false, false]);
  });
});

describe('the host of a URL', () => {
  it.each(['http://127.0.0.1', 'http://2130706433', 'http://0x7f000001', 'http://0177.0.0.1',
    'http://127.1', 'http://0', 'https://[::1]:8443', 'http://[::ffff:127.0.0.1]',
    'http://[0:0:0:0:0:ffff:7f00:1]', 'http://１２７.0.0.1', 'http://user@169.254.169.254/latest',
  ])('is refused when it is an address that is not public: %s', (url) => {
    expect(() => { addresses.assertAllowed(new URL(url)); }).toThrow('not public');
  });

  it('is for the lookup when it is a name', () => {
    expect(() => { addresses.assertAllowed(new URL('http://localhost')); }).not.toThrow();
  });
});

describe('the lookup of a name', () => {
  const lookUp = (found: string[], all = true) => {
    const answer = found.map((address): LookupAddress =>
      ({ address, family: address.includes(':') ? 6 : 4 }));
    const own = new PublicAddresses(new AddressRanges([]), () => Promise.resolve(answer));
    return new Promise((resolve, reject) => {
      own.lookup('hooks.example', { all }, (error, address) => {
        if (error) reject(error);
        else resolve(address);
      });
    });
  };

  it('gives every address when all are public', async () => {
    expect(await lookUp(['1.1.1.1', '2606:4700::1111'])).toEqual([
      { address: '1.1.1.1', family: 4 }, { address: '2606:4700::1111', family: 6 }]);
    expect(await lookUp(['1.1.1.1'], false)).toBe('1.1.1.1');
  });

  it.each([[['127.0.0.1']], [['1.1.1.1', '10.0.0.1']], [['1.1.1.1', '::1']], [[]]])(
    'fails for %j', async (found) => {
      await expect(lookUp(found)).rejects.toThrow('hooks.example');
    });

  it('finds that localhost is not public', async () => {
    const found = new Promise((resolve) => {
      addresses.lookup('localhost', { all: true }, (error) => { resolve(error?.message); });
    });
    expect(await found).toMatch(/^localhost has an address that is not public/);
  });
});
