import { canonicalIp } from '../../infra/http';

/**
 * The bits of an address: a 32-bit integer for IPv4, a bigint for IPv6. The two are never equal, so
 * what is said about one family never touches the other.
 */
export type AddressBits = number | bigint;

/** The first bits of an address, as many as `length` says. */
export interface AddressPrefix {
  readonly bits: AddressBits;
  readonly length: number;
}

/** Networks that are wider than this are taken for a slip of the pen: they exclude half a world. */
const shortestPrefix = { ipv4: 8, ipv6: 16 };
const mappedPrefix = '::ffff:';
const mappedPrefixLength = 96;

/** The bits of an address in any notation; undefined for what is not an address. */
export function bitsOf(ip: string): AddressBits | undefined {
  if (!ip.includes(':')) return ipv4Bits(ip, 0);
  // A server that listens on both families sees every IPv4 caller like this.
  if (ip.startsWith(mappedPrefix) && ip.includes('.')) return ipv4Bits(ip, mappedPrefix.length);
  const address = canonicalIp(ip);
  if (address === undefined) return undefined;
  return address.includes(':') ? ipv6Bits(address) : ipv4Bits(address, 0);
}

/** The first `length` bits of an address; of IPv4 only up to 32 mean anything. */
export function prefixOf(bits: AddressBits, length: number): AddressBits {
  return typeof bits === 'number' ? bits >> (32 - length) : bits >> BigInt(128 - length);
}

/** A range in canonical form (see `readRange`) as a prefix; a single address has all its bits. */
export function parseRange(range: string): AddressPrefix {
  const [address = '', length] = range.split('/');
  const bits = bitsOf(address) ?? 0;
  const prefixLength = length === undefined ? widthOf(bits) : Number(length);
  return { bits: prefixOf(bits, prefixLength), length: prefixLength };
}

/**
 * An address or a network (CIDR) in canonical form: a network of one address is that address, and
 * an IPv4 address stays one inside of IPv6. Or the fault, as a sentence for whoever sent it.
 */
export function readRange(text: string): { range: string } | { fault: string } {
  const [, host = '', given] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = canonicalIp(host);
  const bits = address === undefined ? undefined : bitsOf(address);
  if (address === undefined || bits === undefined) {
    return { fault: 'An IPv4 or IPv6 address, or a network of them such as 203.0.113.0/24' };
  }
  if (given === undefined) return { range: address };
  const isMapped = typeof bits === 'number' && host.includes(':');
  const length = Number(given) - (isMapped ? mappedPrefixLength : 0);
  const shortest = shortestPrefix[typeof bits === 'number' ? 'ipv4' : 'ipv6'];
  if (length < shortest) return { fault: `That excludes too many: /${shortest} at the widest` };
  const width = widthOf(bits);
  if (length > width) return { fault: `An address of this family has ${width} bits` };
  const network = addressOf(prefixOf(bits, length), length);
  if (network !== address) {
    return { fault: `The bits behind the prefix must be 0: did you mean ${network}/${length}?` };
  }
  return { range: length === width ? address : `${address}/${length}` };
}

function widthOf(bits: AddressBits): 32 | 128 {
  return typeof bits === 'number' ? 32 : 128;
}

/** Of a dotted address from this index on; undefined for anything else. Runs for every request. */
function ipv4Bits(text: string, from: number): number | undefined {
  let bits = 0;
  let byte = 0;
  let dots = 0;
  for (let index = from; index < text.length; index += 1) {
    const character = text.charCodeAt(index);
    if (character >= 0x30 && character <= 0x39) {
      byte = byte * 10 + character - 0x30;
    } else if (character === 0x2e) {
      bits = (bits << 8) | byte;
      byte = 0;
      dots += 1;
    } else {
      return undefined;
    }
  }
  return dots === 3 ? (bits << 8) | byte : undefined;
}

/** Of an address as `canonicalIp` writes it. */
function ipv6Bits(address: string): bigint {
  const [head = '', tail = ''] = address.split('::').map(hexOfGroups);
  return BigInt(`0x${head}${tail.padStart(32 - head.length, '0')}`);
}

function hexOfGroups(groups: string): string {
  return groups === '' ? '' : groups.split(':').map((group) => group.padStart(4, '0')).join('');
}

/** The first address of a network. */
function addressOf(prefix: AddressBits, length: number): string {
  if (typeof prefix === 'number') {
    const bits = prefix << (32 - length);
    return [bits >>> 24, (bits >>> 16) & 255, (bits >>> 8) & 255, bits & 255].join('.');
  }
  const hex = (prefix << BigInt(128 - length)).toString(16).padStart(32, '0');
  return canonicalIp(hex.replace(/.{4}(?!$)/g, '$&:')) ?? '';
}
