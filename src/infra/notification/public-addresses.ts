import { type LookupAddress, type LookupOptions, promises } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { AddressRanges } from '../../kernel';

/**
 * What is not reachable from everywhere (source: the IANA registries of special-purpose addresses).
 * Of IPv6 all but 2000::/3 is refused, and with it everything that wraps an IPv4 address: mapped
 * (::ffff:0:0/96), NAT64 (64:ff9b::/96), 6to4 (2002::/16), Teredo (in 2001::/23).
 */
const special = new AddressRanges([
  '0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12',
  '192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15',
  '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4',
  '2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20',
]);
const globalIpv6 = new AddressRanges(['2000::/3']);

export type Resolve = (host: string, options: LookupOptions & { all: true })
  => Promise<LookupAddress[]>;

/**
 * The addresses that a request may be sent to whose URL somebody else chose. The check is part of
 * the connection: what was resolved and checked is what is connected to, so that a name cannot
 * change its address in between.
 */
export class PublicAddresses {
  /** `exceptions`: may be reached although they are not public. */
  constructor(
    private readonly exceptions: AddressRanges,
    private readonly resolve: Resolve = promises.lookup,
  ) {}

  includes(address: string): boolean {
    if (this.exceptions.includes(address)) return true;
    return !special.includes(address) && (isIP(address) === 4 || globalIpv6.includes(address));
  }

  /**
   * Throws when the URL names an address, in whatever notation, that is not allowed. Names are for
   * `lookup`, which a socket does not ask about addresses.
   */
  assertAllowed({ hostname }: URL): void {
    const host = hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) !== 0 && !this.includes(host)) throw refused(host);
  }

  /** For `lookup` of `http.request`: fails unless every address of the name is allowed. */
  readonly lookup: LookupFunction = (host, options, callback) => {
    this.resolve(host, { ...options, all: true }).then((addresses) => {
      const [first] = addresses;
      const forbidden = addresses.find(({ address }) => !this.includes(address));
      if (first === undefined || forbidden !== undefined) callback(refused(host), '');
      else if (options.all) callback(null, addresses);
      else callback(null, first.address, first.family);
    }, (error: NodeJS.ErrnoException) => { callback(error, ''); });
  };
}

function refused(host: string): Error {
  return new Error(`${host} has an address that is not public, nor in NOTIFICATION_NETWORKS`);
}
