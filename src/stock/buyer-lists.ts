import { Injectable } from '@nestjs/common';
import { parseRecord } from './record';
import { StockRedis } from './stock-redis';

/** Longer than a sale takes to be read, and than other processes take to ask. */
const keptMs = 5_000;

/** The records of a sale as they were after this reservation, on this server, under this epoch. */
export interface Generation {
  readonly boot: string;
  readonly epoch: number;
  readonly seq: number;
}

/**
 * Everybody with a reservation of a sale. One process reads all the records, which takes Redis some
 * milliseconds for ten thousand of them; the others take what it found, or hundreds of them would
 * keep Redis busy just when a sale has sold out.
 */
@Injectable()
export class BuyerLists {
  constructor(private readonly redis: StockRedis) {}

  /** As another process found them; `unread`: this one is to read them; undefined: one is at it. */
  async findOrClaim(saleId: string,
    generation: Generation): Promise<ReadonlySet<string> | 'unread' | undefined> {
    const { general } = this.redis.connections;
    const key = this.key(saleId, generation);
    if (await general.set(key, '', 'PX', keptMs, 'NX') === 'OK') return 'unread';
    const text = await general.get(key);
    return text === null || text === '' ? undefined : new Set(JSON.parse(text) as string[]);
  }

  /**
   * Everybody who has had a reservation since before this call. Throws when a record cannot be read,
   * when there are more than so many, or when the server has changed.
   */
  async read(saleId: string, { boot }: Generation, atMost: number): Promise<Set<string>> {
    const { records } = this.redis.keys(saleId);
    const buyers = new Set<string>();
    let cursor = '0';
    do {
      const { next, values } = await this.redis.scanHash(records, cursor, boot);
      for (const text of values) buyers.add(parseRecord('', text).userId);
      if (buyers.size > atMost) throw new Error(`More than ${atMost} buyers`);
      cursor = next;
    } while (cursor !== '0');
    return buyers;
  }

  /** Hands out what was read while nothing changed. */
  async share(saleId: string, generation: Generation, buyers: ReadonlySet<string>): Promise<void> {
    await this.redis.connections.general
      .set(this.key(saleId, generation), JSON.stringify([...buyers]), 'PX', keptMs);
  }

  private key(saleId: string, { boot, epoch, seq }: Generation): string {
    return `${this.redis.keys(saleId).records}:buyers:${boot}:${epoch}:${seq}`;
  }
}
