import { Injectable } from '@nestjs/common';
import { Metrics } from '../infra/metrics';
import type { Sale, StockStrategy } from '../sale';
import { NothingHeld, StockBook, type ReserveRequest } from '../stock';
import type { DirectOutcome } from './direct-decision';
import { DirectWriter } from './direct-writer';
import { TurnQueue } from './turn-queue';

/** Of one sale and process. A second writer prepares what the first one's commit keeps waiting. */
const together = { workers: 2, together: 100, waiting: 1_000, waitMs: 2_000 };
/** Where each buyer has a lock of his own. */
const alone = { ...together, workers: 4, together: 1 };

interface Purchase {
  sale: Sale;
  request: ReserveRequest;
  epoch: number;
}

/**
 * Purchases where the database is the gate: of sales that are without Redis for now, and of those
 * whose strategy lives here. One transaction holds the units and writes the order, so its answer is
 * final. A bulkhead keeps the database working: few write at once, all that wait go along with the
 * next of them, and who finds no room or waits for too long is told to come back.
 */
@Injectable()
export class DirectOrders {
  private readonly queues = new Map<string, TurnQueue<Purchase, DirectOutcome>>();

  constructor(
    private readonly writer: DirectWriter,
    private readonly book: StockBook,
    private readonly metrics: Metrics,
  ) {}

  /**
   * Writes the order, exactly once per rid; asking again is always safe. `epoch`: under which the
   * caller was told that the database is the gate. Throws TEMPORARILY_UNAVAILABLE when too many wait,
   * when the gate has moved since, or the database is away.
   */
  async place(sale: Sale, request: ReserveRequest, epoch: number): Promise<DirectOutcome> {
    const endTimer = this.metrics.inventoryDecrDurationSeconds.startTimer();
    let result = 'error';
    try {
      const outcome = await this.queueOf(sale.id, sale.strategy).run({ sale, request, epoch });
      if (outcome.kind === 'refused') result = outcome.reason.toLowerCase();
      else result = outcome.isNew ? 'held' : 'replayed';
      return outcome;
    } finally {
      endTimer();
      this.metrics.inventoryDecrTotal.inc({ result, source: request.source });
    }
  }

  private queueOf(saleId: string, strategy: StockStrategy): TurnQueue<Purchase, DirectOutcome> {
    const known = this.queues.get(saleId);
    if (known) return known;
    const queue = new TurnQueue<Purchase, DirectOutcome>(
      this.book.hasTurns(strategy) ? alone : together, (purchases) => this.write(purchases), comeBack);
    this.queues.set(saleId, queue);
    return queue;
  }

  /** The newest of them knows best of sale and epoch: the database is the gate there, too. */
  private write(purchases: readonly Purchase[]): Promise<PromiseSettledResult<DirectOutcome>[]> {
    const { sale, epoch } = purchases.reduce((newest, purchase) =>
      purchase.epoch >= newest.epoch ? purchase : newest);
    return this.writer.write(sale, epoch, purchases.map(({ request }) => request));
  }
}

function comeBack(): NothingHeld {
  return new NothingHeld(
    'Too many buyers wait at the moment. Ask again with the same Idempotency-Key.');
}
