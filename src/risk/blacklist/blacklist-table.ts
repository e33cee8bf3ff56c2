import { bitsOf, parseRange, prefixOf, type AddressBits } from './address-range';
import { isInForce, type BlacklistEntry, type BlacklistSubject } from './blacklist-entry';

/** Who asks, as far as a blacklist can know him; `ip` in any notation. */
export interface BlacklistCaller {
  readonly userId: string;
  readonly ip: string;
  readonly deviceId?: string | undefined;
}

type Entries = Map<string | AddressBits, BlacklistEntry>;

/**
 * The blacklist in memory. A look costs one probe for the user, one for the device, and one for
 * each length of prefix that is on the list, however many entries there are.
 */
export class BlacklistTable {
  private readonly users: Entries = new Map();
  private readonly devices: Entries = new Map();
  /** By the length of the prefix, then by its bits; a single address is one of all its bits. */
  private readonly addresses = new Map<number, Entries>();

  /** The entry that excludes this caller at this moment, if there is one. */
  find({ userId, ip, deviceId }: BlacklistCaller, nowMs: number): BlacklistEntry | undefined {
    const user = this.users.get(userId);
    if (user !== undefined && isInForce(user, nowMs)) return user;
    const device = deviceId === undefined ? undefined : this.devices.get(deviceId);
    if (device !== undefined && isInForce(device, nowMs)) return device;
    return this.addresses.size === 0 ? undefined : this.findAddress(ip, nowMs);
  }

  /** Adds the entry, in the place of one about the same subject. Its value is canonical. */
  set(entry: BlacklistEntry): void {
    const { map, key } = this.placeOf(entry);
    map.set(key, entry);
  }

  delete(subject: BlacklistSubject): void {
    const { map, key } = this.placeOf(subject);
    map.delete(key);
    this.dropEmpty();
  }

  /** Lets go of the entries that have expired. */
  prune(nowMs: number): void {
    for (const map of [this.users, this.devices, ...this.addresses.values()]) {
      for (const [key, entry] of map) if (!isInForce(entry, nowMs)) map.delete(key);
    }
    this.dropEmpty();
  }

  private findAddress(ip: string, nowMs: number): BlacklistEntry | undefined {
    const bits = bitsOf(ip);
    if (bits === undefined) return undefined;
    for (const [length, entries] of this.addresses) {
      const entry = entries.get(prefixOf(bits, length));
      if (entry !== undefined && isInForce(entry, nowMs)) return entry;
    }
    return undefined;
  }

  private placeOf({ kind, value }: BlacklistSubject): { map: Entries; key: string | AddressBits } {
    if (kind === 'user') return { map: this.users, key: value };
    if (kind === 'device') return { map: this.devices, key: value };
    const { bits, length } = parseRange(value);
    const map: Entries = this.addresses.get(length) ?? new Map();
    this.addresses.set(length, map);
    return { map, key: bits };
  }

  /** A length of prefix that nothing has any more would still cost every look a probe. */
  private dropEmpty(): void {
    for (const [length, entries] of this.addresses) {
      if (entries.size === 0) this.addresses.delete(length);
    }
  }
}
