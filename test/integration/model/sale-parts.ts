import { getQueueToken } from '@nestjs/bullmq';
import type { Job, Queue } from 'bullmq';
import { Database } from '../../../src/infra/database';
import { RedisConnections } from '../../../src/infra/redis';
import { LeaseSweep, OrderFollowup, OrderFreeze, OrderLife, OrderModule, orderQueue, OrderStore,
  OrderWriter, type Order } from '../../../src/order';
import { OrderProcessor } from '../../../src/order/order.processor';
import { OrderRelay } from '../../../src/order/order-relay';
import { OverdueOrders } from '../../../src/order/overdue-orders';
import type { OrderBatchJob } from '../../../src/order/queues';
import { Recovery } from '../../../src/reconciliation/recovery';
import { SaleCatalog, type Sale } from '../../../src/sale';
import { saleKeys, StockLedger } from '../../../src/stock';
import type { TestProduct } from '../../support/product';
import { takeJobs } from '../../support/take-jobs';
import { until } from '../../support/until';
import { limitPerUser, SaleModel, type ModelOrder } from './sale-model';

/** One real sale, with the parts of a worker in the hands of the test. */
export class SaleParts {
  /** Order id by the key of the purchase. */
  readonly ids = new Map<string, string>();
  /** Jobs that were worked off before, to be delivered again. */
  readonly past: OrderBatchJob[] = [];
  /** Rows as they were when they were frozen. */
  readonly onceFrozen: Order[] = [];

  constructor(
    readonly product: TestProduct,
    readonly processor: OrderProcessor,
    readonly sale: Sale,
    /** Jobs that relays have brought and nobody has worked off, of all sales. */
    private readonly jobs: OrderBatchJob[],
  ) {}

  get client() { return this.product.client; }
  get life() { return this.product.get(OrderLife); }
  get writer() { return this.product.get(OrderWriter); }
  get leases() { return this.product.get(LeaseSweep); }
  get followup() { return this.product.get(OrderFollowup); }
  get store() { return this.product.get(OrderStore); }
  get freeze() { return this.product.get(OrderFreeze); }
  get stockLedger() { return this.product.get(StockLedger); }
  get overdue() { return this.product.get(OverdueOrders); }
  get recovery() { return this.product.get(Recovery); }

  idOf({ key }: ModelOrder): string {
    const id = this.ids.get(key);
    if (id === undefined) throw new Error(`No order has the key ${key}`);
    return id;
  }

  /** The model's orders behind the entries of a job. */
  ordersOf(model: SaleModel, { entries }: OrderBatchJob): ModelOrder[] {
    const rids = new Set(entries.map(({ rid }) => rid));
    return model.orders.filter((order) => rids.has(this.idOf(order)));
  }

  /** Takes a job out of the queue once the relay has brought everything there. */
  async takeJob(): Promise<OrderBatchJob | undefined> {
    const redis = this.product.get(RedisConnections).general;
    const { outbox } = saleKeys(this.product.config.redisNamespace, this.sale.id);
    await until('the outbox is empty', async () => {
      await this.fetchJobs();
      return await redis.xlen(outbox) === 0;
    });
    await this.fetchJobs();
    const index = this.jobs.findIndex(({ saleId }) => saleId === this.sale.id);
    return index < 0 ? undefined : this.jobs.splice(index, 1)[0];
  }

  private async fetchJobs(): Promise<void> {
    const queue = this.product.get<Queue<OrderBatchJob>>(getQueueToken(orderQueue));
    this.jobs.push(...(await takeJobs(queue)).map(({ data }) => data));
  }

  async deliver(job: OrderBatchJob): Promise<void> {
    await this.processor.process({ data: job } as Job<OrderBatchJob>);
  }

  /** Time passes for one order: its deadline is over in the database and in Redis. */
  async passDeadline(order: ModelOrder): Promise<void> {
    const id = this.idOf(order);
    const { due } = saleKeys(this.product.config.redisNamespace, this.sale.id);
    await this.product.get(Database).execute(
      'UPDATE orders SET expires_at = NOW(3) - INTERVAL 1 SECOND WHERE rid = ?', [id]);
    await this.product.get(RedisConnections).general.zadd(due, 'XX', 1, id);
  }

  /** The status of every order by its key; `reserved` while there is no row. */
  async statuses(): Promise<Record<string, string>> {
    const rows = await this.store.findMany([...this.ids.values()]);
    const found = new Map(rows.map(({ id, status }) => [id, status]));
    return Object.fromEntries([...this.ids].map(([key, id]) => [key, found.get(id) ?? 'reserved']));
  }
}

/** A process with ROLES=api, a relay that runs, and everything else by hand. */
export async function startParts(product: TestProduct) {
  const relay = await product.create(OrderRelay, OrderModule);
  const processor = await product.create(OrderProcessor, OrderModule);
  relay.onApplicationBootstrap();
  const jobs: OrderBatchJob[] = [];
  return {
    stop: () => relay.onApplicationShutdown(),
    /** A new sale, and what is expected of it. */
    newSale: async (stock: number) => {
      const saleId = await product.client.openSale({ stock, limitPerUser });
      const sale = await product.get(SaleCatalog).find(saleId);
      if (!sale) throw new Error(`The sale ${saleId} is not there`);
      return { model: new SaleModel(stock), real: new SaleParts(product, processor, sale, jobs) };
    },
  };
}
