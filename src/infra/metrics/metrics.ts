import { Injectable, Logger } from '@nestjs/common';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** A scrape waits no longer than this for what is measured on demand, in milliseconds. */
const collectTimeoutMs = 1_000;

const fastBucketsSeconds =
  [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const slowBucketsSeconds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/**
 * The product's own measurements. Names and labels are part of the contract with dashboards. Where
 * several processes share a port their values are added up, or what `aggregator` says.
 */
@Injectable()
export class Metrics {
  /** One registry per application, so that several can live in one process. */
  readonly registry = new Registry();

  /** Attempts to hold units: what came of them, and who asked. */
  readonly inventoryDecrTotal = new Counter({
    name: 'inventory_decr_total', help: 'Attempts to hold units, by result and source',
    labelNames: ['result', 'source'] as const, registers: [this.registry],
  });

  /** Seconds of one attempt to hold units, the round trip to Redis included. */
  readonly inventoryDecrDurationSeconds = new Histogram({
    name: 'inventory_decr_duration_seconds', help: 'Time of one attempt to hold units',
    buckets: fastBucketsSeconds, registers: [this.registry],
  });

  /** Guarded updates of the stock row that met another epoch or too few units. */
  readonly inventoryVersionConflictTotal = new Counter({
    name: 'inventory_version_conflict_total', help: 'Guarded stock updates that did not apply',
    labelNames: ['sku_id'] as const, registers: [this.registry],
  });

  /** Purchases of sold-out sales that were refused without a question to Redis. */
  readonly soldOutFromMemoryTotal = new Counter({
    name: 'sold_out_from_memory_total', help: 'Purchases refused as sold out by memory alone',
    registers: [this.registry],
  });

  /** Units that can still be bought. */
  readonly stockRemaining = new Gauge({
    name: 'stock_remaining', help: 'Units on sale that nobody holds',
    labelNames: ['sale_id'] as const, aggregator: 'max', registers: [this.registry],
  });

  /**
   * Units by which Redis and the database disagree; 0 is the only good value. Every process reads the
   * same, and as it may be negative none is the largest.
   */
  readonly stockDrift = new Gauge({
    name: 'stock_drift', help: 'Units by which Redis and the database disagree',
    labelNames: ['sale_id'] as const, aggregator: 'first', registers: [this.registry],
  });

  /** Seconds that a held purchase waited until it was kept as DURABILITY says, by that scheme. */
  readonly durabilityWaitSeconds = new Histogram({
    name: 'durability_wait_seconds', help: 'Time from held units to a purchase that is kept',
    labelNames: ['scheme'] as const, buckets: fastBucketsSeconds.concat(10),
    registers: [this.registry],
  });

  /** Held purchases that were not kept as DURABILITY says in time: their buyers have to ask again. */
  readonly durabilityFailuresTotal = new Counter({
    name: 'durability_failures_total', help: 'Held purchases that were not kept in time',
    labelNames: ['scheme'] as const, registers: [this.registry],
  });

  /** Orders that Redis remembers and the database has lost; the sale is closed until it is decided. */
  readonly lostOrders = new Gauge({
    name: 'lost_orders', help: 'Orders that the database lost and Redis remembers',
    labelNames: ['sale_id'] as const, aggregator: 'max', registers: [this.registry],
  });

  /** Answers of the buying endpoint. */
  readonly purchaseRequestsTotal = new Counter({
    name: 'purchase_requests_total', help: 'Purchase requests, by outcome',
    labelNames: ['outcome'] as const, registers: [this.registry],
  });

  /** Answers of the buying endpoint that no timeline of a buyer keeps. */
  readonly timelineDroppedTotal = new Counter({
    name: 'timeline_dropped_total', help: 'Answers lost to the timelines of buyers',
    registers: [this.registry],
  });

  /** Risk rules that matched an attempt to buy, those that only watch (`shadow`) included. */
  readonly riskFindingsTotal = new Counter({
    name: 'risk_findings_total', help: 'Risk rules that matched, by rule and mode',
    labelNames: ['rule', 'mode'] as const, registers: [this.registry],
  });

  /** What came of rating attempts to buy. */
  readonly riskActionsTotal = new Counter({
    name: 'risk_actions_total', help: 'Rated attempts to buy, by what the rules did',
    labelNames: ['action'] as const, registers: [this.registry],
  });

  /** Orders that entered a status. */
  readonly orderStatusTotal = new Counter({
    name: 'order_status_total', help: 'Orders that entered a status',
    labelNames: ['status'] as const, registers: [this.registry],
  });

  /** Attempts to deliver a notification: `delivered`, `failed`, or `dead` when it was the last. */
  readonly notificationsTotal = new Counter({
    name: 'notifications_total', help: 'Attempts to deliver a notification, by result',
    labelNames: ['result'] as const, registers: [this.registry],
  });

  /** Jobs that wait, are delayed or are being worked on; set it in an `onScrape` callback. */
  readonly queueDepth = new Gauge({
    name: 'queue_depth', help: 'Jobs in a queue that are not finished',
    labelNames: ['queue'] as const, aggregator: 'max', registers: [this.registry],
  });

  /** 1 while a queue has work and has finished none of it for 10 s. */
  readonly queueStuck = new Gauge({
    name: 'queue_stuck', help: 'Whether a queue has work and finishes none of it',
    labelNames: ['queue'] as const, aggregator: 'max', registers: [this.registry],
  });

  /** 1 while the relays leave reservations in the outbox, because the order queue is stuck. */
  readonly relayHolding = new Gauge({
    name: 'relay_holding', help: 'Whether reservations are held back from the order queue',
    aggregator: 'max', registers: [this.registry],
  });

  /** Rows of sales long over that were moved to the archive. */
  readonly archivedRowsTotal = new Counter({
    name: 'archived_rows_total', help: 'Rows moved to the archive', registers: [this.registry],
  });

  /** Reservations that are not in the order queue yet. */
  readonly outboxDepth = new Gauge({
    name: 'outbox_depth', help: 'Reservations that wait to be carried to the order queue',
    labelNames: ['sale_id'] as const, aggregator: 'max', registers: [this.registry],
  });

  /** How much more this process is asked to do than it can: 0 calm, 1 busy, 2 heavy. */
  readonly overloadLevel = new Gauge({
    name: 'overload_level', help: 'Overload of this process: 0 calm, 1 busy, 2 heavy',
    aggregator: 'max', registers: [this.registry],
  });

  /** Requests that were told to come back because of overload. */
  readonly overloadShedTotal = new Counter({
    name: 'overload_shed_total', help: 'Requests told to come back because of overload',
    labelNames: ['kind'] as const, registers: [this.registry],
  });

  /** Purchases that wait in memory until it is their turn to ask Redis. */
  readonly purchasesWaiting = new Gauge({
    name: 'purchases_waiting', help: 'Purchases that wait for their turn', registers: [this.registry],
  });

  /** Seconds from the reservation in Redis to the commit of the order's row. */
  readonly orderPersistLagSeconds = new Histogram({
    name: 'order_persist_lag_seconds', help: 'Time from reservation to committed row',
    buckets: slowBucketsSeconds, registers: [this.registry],
  });

  /** 1 while this process does not even ask a part, because its last calls failed. */
  readonly circuitOpen = new Gauge({
    name: 'circuit_open', help: 'Whether a part that fails is left alone for a moment',
    labelNames: ['dependency'] as const, aggregator: 'max', registers: [this.registry],
  });

  /** Sales that Redis should admit buyers to, and that the database does instead. */
  readonly databaseModeSales = new Gauge({
    name: 'database_mode_sales', help: 'Sales that go on without Redis',
    aggregator: 'max', registers: [this.registry],
  });

  /** Seconds of a request, by route pattern (`/v1/sales/:saleId`) and status class (`2xx`). */
  readonly httpRequestDurationSeconds = new Histogram({
    name: 'http_request_duration_seconds', help: 'Time of a request, by route pattern',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: fastBucketsSeconds, registers: [this.registry],
  });

  /** 1 of each process: with PROCESSES how many answered the scrape. */
  readonly processes = new Gauge({
    name: 'processes', help: 'Processes that answered this scrape', registers: [this.registry],
  });

  private readonly logger = new Logger('Metrics');
  private readonly collectors: (() => Promise<void>)[] = [];

  constructor() {
    // What alerts wait for: Prometheus sees no increase in a series that begins with it.
    this.orderStatusTotal.inc({ status: 'rejected' }, 0);
    this.purchaseRequestsTotal.inc({ outcome: 'internal_error' }, 0);
    this.notificationsTotal.inc({ result: 'dead' }, 0);
    for (const scheme of ['replica', 'commit']) this.durabilityFailuresTotal.inc({ scheme }, 0);
  }

  /** Calls back before every scrape, for gauges that are measured only then. */
  onScrape(collect: () => Promise<void>): void {
    this.collectors.push(collect);
  }

  /** Everything of this process in Prometheus' text format. */
  async scrape(): Promise<string> {
    await this.measure();
    return this.registry.metrics();
  }

  /** Measures what is measured on demand. A collector that fails leaves its gauge as it was. */
  async measure(): Promise<void> {
    this.processes.set(1);
    await Promise.all(this.collectors.map((collect) => this.collect(collect)));
  }

  private async collect(collect: () => Promise<void>): Promise<void> {
    const timeout = Promise.withResolvers<never>();
    const timer = setTimeout(() => { timeout.reject(new Error('too slow')); }, collectTimeoutMs);
    try {
      await Promise.race([collect(), timeout.promise]);
    } catch (error) {
      this.logger.warn({ msg: 'metric not collected', err: error });
    } finally {
      clearTimeout(timer);
    }
  }
}
