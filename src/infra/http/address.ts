import { isIP } from 'node:net';

const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;
const groupsOfAddress = 8;
const groupsOfNetwork = 4;

/**
 * The one spelling of an address: IPv4 as it is, IPv6 as RFC 5952 writes it, without its zone. An
 * IPv4 address inside of IPv6 (`::ffff:192.0.2.1`) is the IPv4 address: it is the same caller.
 * Undefined for anything that is not an address.
 */
export function canonicalIp(text: string): string | undefined {
  const family = isIP(text);
  if (family !== 6) return family === 4 ? text : undefined;
  const [address = ''] = text.split('%');
  // The URL standard writes the host of an address just as RFC 5952 does, in brackets.
  const canonical = URL.parse(`http://[${address}]`)?.hostname.slice(1, -1);
  const [, high, low] = mapped.exec(canonical ?? '') ?? [];
  if (high === undefined || low === undefined) return canonical;
  return [...bytesOf(high), ...bytesOf(low)].join('.');
}

/**
 * What one subscriber has at his disposal, as a key: an IPv4 address alone, or the first 64 bits of
 * an IPv6 address, behind which he can change the rest with every request: `2001:db8:0:1::/64`.
 * Undefined for anything that is not an address.
 */
export function ipNetworkOf(text: string): string | undefined {
  const address = canonicalIp(text);
  if (address?.includes(':') !== true) return address;
  const [head = [], tail = []] = address.split('::').map(groupsIn);
  const skipped = groupsOfAddress - head.length - tail.length;
  const groups = [...head, ...Array<string>(skipped).fill('0'), ...tail];
  return `${groups.slice(0, groupsOfNetwork).join(':')}::/64`;
}

function groupsIn(text: string): string[] {
  return text === '' ? [] : text.split(':');
}

function bytesOf(group: string): [number, number] {
  const bits = parseInt(group, 16);
  return [bits >> 8, bits & 0xff];
}
