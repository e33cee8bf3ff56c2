import { Inject, Injectable } from '@nestjs/common';
import { APP_CONFIG, type AppConfig } from '../config';
import { TemporarilyUnavailable } from '../kernel';
import { stateText, type ReleasedStatus } from './record';
import { SaleEpochs } from './sale-epochs';
import { SegmentLoans } from './segment-loans';
import { StockRedis } from './stock-redis';

/** What taking the units of a frozen order again came to; `epoch`: under which it was done. */
export type RetakeOutcome = { kind: 'held'; epoch: number } | { kind: 'sold_out' }
  | { kind: 'over_limit' }
  /** Redis has the order in another state or a newer hold: the row tells more. */
  | { kind: 'moved' };

/** `hold`: the number that it is to have. */
export interface FrozenOrder {
  readonly rid: string;
  readonly hold: number;
  readonly quantity: number;
}

const outcomes = new Map<number, RetakeOutcome>([[0, { kind: 'moved' }], [-1, { kind: 'sold_out' }],
  [-2, { kind: 'over_limit' }]]);
const fenced = -7;
const badArgument = -8;

const beingRecovered = () =>
  new TemporarilyUnavailable('The sale is being recovered. Ask again.');

/**
 * Carries decisions of the database over to Redis (S6, S8, S9 of the protocol), and takes units again
 * for a thaw (S13). Every call may be repeated: a record moves once. But for the last, all take many
 * reservations of one sale in one round trip, at most 500. Rejects when Redis is away or the sale is
 * being loaded, and when the database is away: the caller repeats the call. Where the database is the
 * gate of a sale there is nothing to carry: its Redis side, if it has one, is made from the rows
 * before it sells again.
 */
@Injectable()
export class StockLedger {
  private readonly leaseMs: number;

  constructor(
    @Inject(APP_CONFIG) config: AppConfig,
    private readonly redis: StockRedis,
    private readonly epochs: SaleEpochs,
    private readonly loans: SegmentLoans,
  ) {
    this.leaseMs = config.reservationLeaseSeconds * 1_000;
  }

  /**
   * The rows are committed: reserved → ordered, due at the payment deadline. False when Redis was told
   * nothing, because there is nothing to tell or it is not the gate.
   */
  async confirm(saleId: string,
    orders: readonly { rid: string; payBeforeMs: number }[]): Promise<boolean> {
    if (orders.length === 0) return false;
    const { meta, records, due } = this.redis.keys(saleId);
    const codes = await this.run(saleId, 'confirm', [meta, records, due],
      orders.flatMap(({ rid, payBeforeMs }) => [rid, payBeforeMs]));
    return codes.length > 0;
  }

  /** The rows are paid: the units are sold. */
  async settle(saleId: string, rids: readonly string[]): Promise<void> {
    if (rids.length === 0) return;
    const { meta, records, due } = this.redis.keys(saleId);
    await this.run(saleId, 'settle', [meta, records, due], rids);
  }

  /**
   * The rows hold nothing: units and allowance go back. `hold`: the one that a frozen row had when it
   * was read, by default the first. Resolves to how many went back.
   */
  async release(saleId: string,
    orders: readonly { rid: string; status: ReleasedStatus; hold?: number }[]) {
    if (orders.length === 0) return 0;
    const { meta, records, users, due, tokens } = this.redis.keys(saleId);
    const codes = await this.run(saleId, 'release', [meta, records, users, due, tokens],
      orders.flatMap(({ rid, status, hold = 1 }) => [rid, stateText(status, hold)]));
    return codes.filter((code) => code === 1).length;
  }

  /**
   * Holds the units of a frozen order again for one lease, once for every number of a hold (S13).
   * Throws TEMPORARILY_UNAVAILABLE when Redis is away or the sale is being recovered.
   */
  retake(saleId: string, order: FrozenOrder): Promise<RetakeOutcome> {
    return this.loans.whileSoldOut(saleId, order.quantity, () => this.tryToRetake(saleId, order),
      ({ kind }) => kind === 'sold_out');
  }

  private async tryToRetake(saleId: string, order: FrozenOrder): Promise<RetakeOutcome> {
    const { epoch, gate } = await this.epochs.of(saleId);
    if (gate === 'database') {
      await this.loans.gather(saleId, order.quantity);
      return { kind: 'held', epoch };
    }
    const code = await this.askToRetake(saleId, order, epoch);
    if (code === 1 || code === 2) return { kind: 'held', epoch };
    const outcome = outcomes.get(code);
    if (outcome) return outcome;
    if (code === badArgument) throw new Error('The retake script refused its arguments');
    if (code === fenced && (await this.epochs.renewed(saleId)).epoch !== epoch) {
      return this.tryToRetake(saleId, order);
    }
    throw beingRecovered();
  }

  /**
   * Gives reservations without a row another lease, and with `again` another entry in the outbox.
   * Resolves to how often each has been put there again (0 only waiting, -1 not reserved any more).
   */
  async requeue(saleId: string, rids: readonly string[],
    { leaseMs, again, traceId }: { leaseMs: number; again: boolean; traceId: string }) {
    if (rids.length === 0) return [];
    const { meta, records, due, outbox } = this.redis.keys(saleId);
    return this.run(saleId, 'requeue', [meta, records, due, outbox],
      [leaseMs, again ? 1 : 0, traceId, ...rids]);
  }

  private async askToRetake(saleId: string, { rid, hold }: FrozenOrder,
    epoch: number): Promise<number> {
    const { meta, records, users, due, tokens } = this.redis.keys(saleId);
    return await this.redis.runFenced('retake', [meta, records, users, due, tokens],
      (boot) => [rid, hold, boot, epoch, this.leaseMs]) as number;
  }

  /**
   * What is told to a Redis that is left, or about to be loaded, is lost with it; but every load reads
   * rows that were committed before it raised the epoch. So the change stays when the database, asked
   * after its commit, and the Redis that is told next agree on the epoch, and no load is under way.
   */
  private async run(saleId: string, name: string, keys: string[],
    args: readonly (string | number)[]) {
    const { epoch, gate } = await this.epochs.now(saleId);
    if (gate === 'database') return [];
    const [generation, codes] = await Promise.all([
      this.redis.connections.general.hmget(this.redis.keys(saleId).meta, 'epoch', 'state'),
      this.redis.run(name, keys, args) as Promise<number[]>,
    ]);
    const [loadedEpoch, state] = generation;
    if (loadedEpoch != null && (Number(loadedEpoch) !== epoch || state === 'loading')) {
      throw beingRecovered();
    }
    if (codes[0] === badArgument) throw new Error(`The ${name} script refused its arguments`);
    return codes;
  }
}
