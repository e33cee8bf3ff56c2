import { Injectable, Logger } from '@nestjs/common';
import { askForEach } from '../infra/redis';
import { TemporarilyUnavailable } from '../kernel';
import { parseRecord, type Reservation } from './record';
import { StockRedis } from './stock-redis';

/** The Redis side of a sale in one consistent look. Units, except records, due and outbox: entries. */
export interface StockAudit {
  /** False: Redis lacks the sale or a part of it. Missing counts are 0, unreadable ones -1. */
  loaded: boolean;
  /**
   * I2: available + reserved + ordered + sold = total, none of them negative; and as many tokens as
   * available under the strategy `tokens`.
   */
  balanced: boolean;
  total: number;
  available: number;
  reserved: number;
  ordered: number;
  sold: number;
  seq: number;
  records: number;
  due: number;
  outbox: number;
  epoch: number;
  state: string;
  boot: string;
}

interface SaleLook {
  saleId: string;
  available: string | null;
  state: string | null;
}

/** Not loaded, or being loaded: what Redis has of it is not all. */
export const isUnsettled = (state: string | null | undefined) =>
  state == null || state === 'loading' || state === 'recovering';

const scanCount = 500;

/** Looks at the Redis side of stock without changing it. Rejects when Redis is away. */
@Injectable()
export class StockReader {
  private readonly logger = new Logger('StockReader');

  constructor(private readonly redis: StockRedis) {}

  /** Rejects at once while the node of a Cluster that has the sale is known to be away. */
  async audit(saleId: string): Promise<StockAudit> {
    if (this.redis.isNodeAway(saleId)) {
      throw new Error(`Connection is closed: no node has sale ${saleId}`);
    }
    const { meta, records, due, outbox, tokens } = this.redis.keys(saleId);
    const [loaded, balanced, total, available, reserved, ordered, sold, seq, recordCount, dueCount,
      outboxCount, epoch, state, boot] = await this.redis.run('audit',
      [meta, records, due, outbox, tokens], []) as [number, number, number, number, number, number,
        number, number, number, number, number, number, string, string];
    return { loaded: loaded === 1, balanced: balanced === 1, total, available, reserved, ordered,
      sold, seq, records: recordCount, due: dueCount, outbox: outboxCount, epoch, state, boot };
  }

  /** The epoch of the sale, whatever else is wrong with it; 0 when Redis knows none. */
  async epochOf(saleId: string): Promise<number> {
    const text = await this.redis.connections.general.hget(this.redis.keys(saleId).meta, 'epoch');
    return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : 0;
  }

  /** One reservation, or undefined when Redis does not know it. */
  async reservation(saleId: string, rid: string): Promise<Reservation | undefined> {
    const text = await this.redis.connections.general.hget(this.redis.keys(saleId).records, rid);
    return text === null ? undefined : parseRecord(rid, text);
  }

  /** The same; throws TEMPORARILY_UNAVAILABLE where it is not known because a recovery is due. */
  async reservationForSure(saleId: string, rid: string): Promise<Reservation | undefined> {
    const { general } = this.redis.connections;
    const [reservation, [state, boot]] = await Promise.all([this.reservation(saleId, rid),
      general.hmget(this.redis.keys(saleId).meta, 'state', 'boot')]);
    const isWhole = !isUnsettled(state) && boot === this.redis.bootOf(saleId);
    if (reservation || isWhole) return reservation;
    throw new TemporarilyUnavailable(
      'The sale is being recovered. Ask again with the same Idempotency-Key.');
  }

  /** Several reservations in one look; those that Redis does not know are left out. */
  async reservations(saleId: string, rids: readonly string[]): Promise<Reservation[]> {
    if (rids.length === 0) return [];
    const texts = await this.redis.connections.general
      .hmget(this.redis.keys(saleId).records, ...rids);
    return rids.flatMap((rid, index) => {
      const text = texts[index];
      return text == null ? [] : [parseRecord(rid, text)];
    });
  }

  /**
   * Every reservation of a sale in pages; one that moves meanwhile may be missed or come twice. A
   * record that cannot be read is logged and left out: it must not keep a sale from its recovery.
   */
  async *scan(saleId: string): AsyncGenerator<Reservation[]> {
    const { records } = this.redis.keys(saleId);
    const boot = this.redis.bootOf(saleId);
    let cursor = '0';
    do {
      const [next, flat] = await this.redis.connections.general
        .hscan(records, cursor, 'COUNT', scanCount);
      // To another server, or the same one started again, the cursor means nothing: it would miss records.
      if (this.redis.bootOf(saleId) !== boot) {
        throw new TemporarilyUnavailable('Redis was replaced while the sale was read. Ask again.');
      }
      cursor = next;
      const page: Reservation[] = [];
      for (let i = 0; i + 1 < flat.length; i += 2) {
        const record = this.tryParse(saleId, flat[i] ?? '', flat[i + 1] ?? '');
        if (record) page.push(record);
      }
      yield page;
    } while (cursor !== '0');
  }

  /** Reservations whose deadline has passed by the clock of Redis, the oldest first. */
  async overdue(saleId: string, nowMs: number, limit: number): Promise<string[]> {
    return this.redis.connections.general
      .zrangebyscore(this.redis.keys(saleId).due, 0, nowMs, 'LIMIT', 0, limit);
  }

  /**
   * Units on sale by sale id, undefined where a sale cannot be read, such as one whose node of a
   * Cluster is away; those that Redis does not know, or only in part, are left out. Rejects when none
   * can be read.
   */
  async available(saleIds: readonly string[]): Promise<ReadonlyMap<string, number | undefined>> {
    const counts = new Map<string, number | undefined>(saleIds.map((saleId) => [saleId, undefined]));
    for (const { saleId, available, state } of await this.look(saleIds)) {
      if (available === null || isUnsettled(state)) counts.delete(saleId);
      else counts.set(saleId, Number(available));
    }
    return counts;
  }

  /**
   * What buyers are told by sale id: open, paused or closed. Left out: sales that are not loaded, or
   * only in part, and those that cannot be read. Rejects when none can be read.
   */
  async states(saleIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const looks = await this.look(saleIds);
    return new Map(looks.flatMap(({ saleId, state }): [string, string][] =>
      state === null || isUnsettled(state) ? [] : [[saleId, state]]));
  }

  /** Of the sales that can be read; rejects when there are some and none can. */
  private async look(saleIds: readonly string[]): Promise<SaleLook[]> {
    const asked = saleIds.filter((saleId) => !this.redis.isNodeAway(saleId));
    const replies = await askForEach(this.redis.connections.general, asked, (pipeline, saleId) => {
      pipeline.hmget(this.redis.keys(saleId).meta, 'available', 'state');
    });
    const looks = replies.flatMap(([reply], index): SaleLook[] => {
      if (reply?.[0] !== null) return [];
      const [available, state] = reply[1] as [string | null, string | null];
      return [{ saleId: asked[index] ?? '', available, state }];
    });
    if (looks.length === 0 && saleIds.length > 0) {
      throw replies[0]?.[0]?.[0] ?? new Error('Connection is closed: no node has these sales');
    }
    return looks;
  }

  private tryParse(saleId: string, rid: string, text: string): Reservation | undefined {
    try {
      return parseRecord(rid, text);
    } catch {
      this.logger.error({ msg: 'unreadable record in Redis', saleId, rid });
      return undefined;
    }
  }
}
