import { Injectable } from '@nestjs/common';
import { recordLetters, type ReleasedStatus } from './record';
import { StockRedis } from './stock-redis';

/**
 * Carries decisions of the database over to Redis (S6, S8, S9 of the protocol). Every call may be
 * repeated: a record moves once. All take many reservations of one sale in one round trip, at most
 * 500. Rejects when Redis is away; the sweep then repeats the call.
 */
@Injectable()
export class StockLedger {
  constructor(private readonly redis: StockRedis) {}

  /** The rows are committed: reserved → ordered, due at the payment deadline. */
  async confirm(saleId: string, orders: readonly { rid: string; payBeforeMs: number }[]) {
    if (orders.length === 0) return;
    const { meta, records, due } = this.redis.keys(saleId);
    await this.run('confirm', [meta, records, due],
      orders.flatMap(({ rid, payBeforeMs }) => [rid, payBeforeMs]));
  }

  /** The rows are paid: the units are sold. */
  async settle(saleId: string, rids: readonly string[]): Promise<void> {
    if (rids.length === 0) return;
    const { meta, records, due } = this.redis.keys(saleId);
    await this.run('settle', [meta, records, due], rids);
  }

  /** The rows are final and hold nothing: units and allowance go back. Resolves to how many did. */
  async release(saleId: string, orders: readonly { rid: string; status: ReleasedStatus }[]) {
    if (orders.length === 0) return 0;
    const { meta, records, users, due } = this.redis.keys(saleId);
    const codes = await this.run('release', [meta, records, users, due],
      orders.flatMap(({ rid, status }) => [rid, recordLetters[status]]));
    return codes.filter((code) => code === 1).length;
  }

  /**
   * Gives reservations without a row another lease, and with `again` another entry in the outbox.
   * Resolves to how often each has been put there again (0 only waiting, -1 not reserved any more).
   */
  async requeue(saleId: string, rids: readonly string[],
    { leaseMs, again, traceId }: { leaseMs: number; again: boolean; traceId: string }) {
    if (rids.length === 0) return [];
    const { meta, records, due, outbox } = this.redis.keys(saleId);
    return this.run('requeue', [meta, records, due, outbox],
      [leaseMs, again ? 1 : 0, traceId, ...rids]);
  }

  private async run(name: string, keys: string[], args: readonly (string | number)[]) {
    const codes = await this.redis.run(name, keys, args) as number[];
    if (codes[0] === -8) throw new Error(`The ${name} script refused its arguments`);
    return codes;
  }
}
