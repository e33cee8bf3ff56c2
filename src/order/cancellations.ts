import { Logger } from '@nestjs/common';
import { isUnavailable } from '../infra/database';
import { TemporarilyUnavailable } from '../kernel';
import type { Cause } from '../stock';
import type { Order } from './order';
import { TurnQueue } from './turn-queue';

interface Cancellation {
  rid: string;
  cause: Cause;
}

/** Undefined for a row that could not be had; `told`: Redis knows, or will be told later. */
type Cancelled = { told: Promise<void> } | undefined;

type Turns = Record<'together' | 'alone', TurnQueue<Cancellation, Cancelled>>;

/** What is done to rows of a sale that wait for payment. */
export interface CancellationSteps {
  /** Cancels them, without those that somebody else holds where it `skipsLocked`; resolves to the rows. */
  cancel(saleId: string, causes: ReadonlyMap<string, Cause>, skipsLocked: boolean): Promise<Order[]>;
  /** Whether a row still waits for payment, as far as is committed. */
  isPending(saleId: string, rid: string): Promise<boolean>;
  /** Tells Redis. Never rejects. */
  tell(saleId: string, orders: readonly Order[]): Promise<void>;
}

/**
 * Cancellations of one sale and process. All of them change the one row of its stock: few wait for it, and
 * take the others along, so that connections are left for those who only look.
 */
const limits = { workers: 2, together: 100, waiting: 1_000, waitMs: 2_000 };

/** Where those wait, in the memory of this process, who cancel orders. */
export class Cancellations {
  private readonly logger = new Logger('Cancellations');
  private readonly turns = new Map<string, Turns>();

  constructor(private readonly steps: CancellationSteps) {}

  /** Resolves when the row is decided, by whomever. Throws TEMPORARILY_UNAVAILABLE when too many wait. */
  async run(saleId: string, cancellation: Cancellation): Promise<void> {
    const { together, alone } = this.turnsOf(saleId);
    let cancelled = await together.run(cancellation);
    // Somebody holds its row: what he makes of it is waited for, and keeps few others.
    if (!cancelled && await this.steps.isPending(saleId, cancellation.rid)) {
      cancelled = await alone.run(cancellation);
    }
    await cancelled?.told;
  }

  private turnsOf(saleId: string): Turns {
    const known = this.turns.get(saleId);
    if (known) return known;
    const turns = {
      together: new TurnQueue<Cancellation, Cancelled>(limits,
        (items) => this.cancelTogether(saleId, items), comeBack),
      alone: new TurnQueue<Cancellation, Cancelled>({ ...limits, together: 1 },
        (items) => this.cancel(saleId, items, false), comeBack),
    };
    this.turns.set(saleId, turns);
    return turns;
  }

  /** An order that cannot be cancelled keeps no other from it: then each has a turn of his own. */
  private cancelTogether(saleId: string, items: readonly Cancellation[]) {
    return this.cancel(saleId, items, true).catch((error: unknown) => {
      if (isUnavailable(error)) throw error;
      this.logger.warn({ msg: 'not cancelled together', saleId, orders: items.length, err: error,
        action: 'cancelling each alone' });
      return items.map(() => outcome(undefined));
    });
  }

  /** In their sequence. The turn ends with the commit: Redis may be slow to hear of it. */
  private async cancel(saleId: string, items: readonly Cancellation[], skipsLocked: boolean) {
    const causes = new Map(items.map(({ rid, cause }) => [rid, cause]));
    const orders = await this.steps.cancel(saleId, causes, skipsLocked);
    const told = this.steps.tell(saleId, orders);
    const rids = new Set(orders.map(({ id }) => id));
    return items.map(({ rid }) => outcome(rids.has(rid) ? { told } : undefined));
  }
}

function outcome(value: Cancelled): PromiseFulfilledResult<Cancelled> {
  return { status: 'fulfilled', value };
}

function comeBack(): TemporarilyUnavailable {
  return new TemporarilyUnavailable('Too many orders are being cancelled at the moment. Ask again.');
}
