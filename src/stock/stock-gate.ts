import { hash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { APP_CONFIG, type AppConfig } from '../config';
import { failpoint } from '../infra/failpoint';
import { Metrics } from '../infra/metrics';
import { remember, TemporarilyUnavailable } from '../kernel';
import { statusOfLetter } from './record';
import { NothingHeld } from './refusal';
import { ReservationIds } from './reservation-ids';
import { refusalOfCode, type ReserveOutcome } from './reserve-outcome';
import { SaleEpochs } from './sale-epochs';
import { StockRedis } from './stock-redis';

/** One attempt to hold units under the id that `idOf` gave; `source` names the caller. */
export interface ReserveRequest {
  rid: string;
  saleId: string;
  userId: string;
  quantity: number;
  traceId: string;
  ip: string;
  source: string;
  deviceId?: string;
  /** Time to pay, where it is not the sale's own. */
  payWindowSeconds?: number;
  /** A reservation that the buyer has in this sale; late money buys again with it. */
  earlier?: string;
  /** Ids of the proofs that this purchase spends, where the sale asks for them. */
  saleTokenId?: string;
  captchaId?: string;
}

type ReserveReply = [code: number, available: number, seq: number, letter: string, quantity: number,
  reservedAtMs: number];
const fenced = -7;
const badArgument = -8;
const notLoaded = -9;
const backlogFull = -12;

/** The admission gate: S2 of the protocol, one round trip to Redis and none to the database. */
@Injectable()
export class StockGate {
  private readonly leaseMs: number;
  private readonly backlog: number;
  private readonly available = new Map<string, number>();

  constructor(
    @Inject(APP_CONFIG) config: AppConfig,
    private readonly redis: StockRedis,
    private readonly epochs: SaleEpochs,
    private readonly ids: ReservationIds,
    private readonly metrics: Metrics,
  ) {
    this.leaseMs = config.reservationLeaseSeconds * 1_000;
    this.backlog = config.backlogPerSale;
  }

  /** The id that the reservation for this Idempotency-Key has, or would have. */
  idOf(userId: string, saleId: string, key: string): string {
    return this.ids.of(userId, saleId, key);
  }

  /**
   * Holds units for one buyer, exactly once per rid. Asking again is always safe.
   * Throws TEMPORARILY_UNAVAILABLE when Redis is away or the sale is being recovered: whether the
   * units are held is then unknown, and the same request finds out. NothingHeld when BACKLOG_PER_SALE
   * units wait for their orders to be written.
   */
  async reserve(request: ReserveRequest): Promise<ReserveOutcome> {
    const endTimer = this.metrics.inventoryDecrDurationSeconds.startTimer();
    let result = 'error';
    try {
      const outcome = await this.ask(request);
      result = outcome.kind === 'refused' ? outcome.reason.toLowerCase() : outcome.kind;
      if (outcome.kind === 'backlog') throw writtenLate();
      return outcome;
    } finally {
      endTimer();
      this.metrics.inventoryDecrTotal.inc({ result, source: request.source });
    }
  }

  /**
   * The database is the gate of this sale, because Redis cannot be reached. Asks nobody as long as
   * Redis is there, and rejects when the database is away, too.
   */
  async isWithoutRedis(saleId: string): Promise<boolean> {
    return this.redis.bootOf(saleId) === undefined
      && (await this.epochs.renewed(saleId)).gate === 'database';
  }

  /** The database is the gate of this sale, for whatever reason. From memory alone. */
  isInDatabase(saleId: string): boolean {
    return this.epochs.peek(saleId)?.gate === 'database';
  }

  /** Units on sale as this process last heard when somebody tried to buy; undefined: not yet. */
  lastAvailable(saleId: string): number | undefined {
    return this.isInDatabase(saleId) ? undefined : this.available.get(saleId);
  }

  private async ask(request: ReserveRequest): Promise<ReserveOutcome | { kind: 'backlog' }> {
    const { rid, saleId } = request;
    const { epoch: known, gate } = await this.epochs.of(saleId);
    let epoch = known;
    if (gate === 'database') return { kind: 'in_database', rid, epoch };
    let reply: ReserveReply;
    failpoint('reserve-before-script');
    try {
      reply = await this.run(request, epoch);
    } catch (error) {
      // Redis is away: the database may have taken over since.
      const current = await this.epochs.renewed(saleId).catch(() => undefined);
      if (current?.gate !== 'database') throw error;
      return { kind: 'in_database', rid, epoch: current.epoch };
    }
    if (reply[0] === fenced) {
      // The fence may only be newer than this process: look once whether the epoch has moved.
      const current = await this.epochs.renewed(saleId);
      if (current.gate === 'database') return { kind: 'in_database', rid, epoch: current.epoch };
      if (current.epoch !== epoch) {
        epoch = current.epoch;
        reply = await this.run(request, epoch);
      }
    }
    if (reply[0] > fenced || reply[0] < notLoaded) this.available.set(saleId, reply[1]);
    failpoint('reserve-before-reply');
    return outcomeOf(rid, reply, epoch);
  }

  private async run(request: ReserveRequest, epoch: number): Promise<ReserveReply> {
    const { meta, records, users, due, outbox, spent, tokens } = this.redis.keys(request.saleId);
    return await this.redis.runFenced('reserve', [meta, records, users, due, outbox, spent, tokens],
      (boot) => [request.rid, request.userId, request.quantity, fingerprint(request.quantity), boot, epoch,
        this.leaseMs, request.traceId, request.ip, request.deviceId ?? '',
        request.payWindowSeconds ?? 0, request.saleTokenId ?? '', request.captchaId ?? '',
        this.backlog, request.earlier ?? '',
      ]) as ReserveReply;
  }
}

/** Eight bytes over what the buyer asked for: the same key with another body is told apart. */
export const fingerprint = remember((quantity: number) =>
  hash('sha256', JSON.stringify({ quantity }), 'base64url').slice(0, 11));

function outcomeOf(rid: string, reply: ReserveReply,
  epoch: number): ReserveOutcome | { kind: 'backlog' } {
  const [code, available, seq, letter, quantity, reservedAtMs] = reply;
  if (code === 1) return { kind: 'held', rid, quantity, available, reservedAtMs, seq, epoch };
  if (code === 2) {
    return { kind: 'replayed', rid, status: statusOfLetter(letter), quantity, reservedAtMs, seq,
      epoch };
  }
  if (code === notLoaded || code === fenced) return { kind: 'not_loaded', rid };
  if (code === backlogFull) return { kind: 'backlog' };
  if (code === badArgument) throw new Error('The reserve script refused its arguments');
  const reason = refusalOfCode.get(code);
  if (reason) return { kind: 'refused', rid, reason, available };
  throw new TemporarilyUnavailable(
    'The sale is being recovered. Ask again with the same Idempotency-Key.');
}

function writtenLate(): NothingHeld {
  return new NothingHeld(
    'Orders are being written late. Ask again with the same Idempotency-Key.',
    { retryAfterSeconds: 2 });
}
