import { BlockList, isIP } from 'node:net';

/** Addresses and CIDR ranges such as `10.0.0.0/8`, `::1`, and whether an address is one of them. */
export class AddressRanges {
  private readonly list = new BlockList();

  /** Each range as the configuration has checked it. */
  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const [address = '', prefix] = range.split('/');
      const family = familyOf(address);
      if (prefix === undefined) this.list.addAddress(address, family);
      else this.list.addSubnet(address, Number(prefix), family);
    }
  }

  /** False for what is no address; an IPv4 address inside of IPv6 counts as what it is. */
  includes(address: string): boolean {
    return isIP(address) !== 0 && this.list.check(address, familyOf(address));
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
