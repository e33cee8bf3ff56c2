import { Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { APP_CONFIG, type AppConfig } from '../config';
import { Database } from '../infra/database';
import { ServerClock } from '../infra/redis';
import { Preload } from '../reconciliation';
import { SaleLife } from '../sale';
import { StockRedis } from '../stock';

/** No user id has a space: what an operator called demo drafts is his. */
const demo = { actor: 'demo seed', ip: '', traceId: '0'.repeat(32) };
const redisPatienceMs = 5_000;
const openForMs = 30 * 24 * 3_600_000;

/** Puts one sale on where there is none, so that a first look finds something to buy. */
@Injectable()
export class DemoSale implements OnApplicationBootstrap {
  private readonly logger = new Logger('DemoSale');

  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    private readonly database: Database,
    private readonly redis: StockRedis,
    private readonly life: SaleLife,
    private readonly preload: Preload,
    private readonly clock: ServerClock,
  ) {}

  /** Of several processes one does it. A fault is not worth a failed start: the next one tries. */
  async onApplicationBootstrap(): Promise<void> {
    try {
      await this.database.withLock('demo-sale', () => this.offer());
    } catch (error) {
      this.logger.warn({ msg: 'no demo sale yet', err: error, action: 'the next start tries again' });
    }
  }

  private async offer(): Promise<void> {
    const saleId = await this.unfinished() ?? await this.create();
    if (saleId === undefined) return;
    await this.redis.whenConnected(redisPatienceMs);
    const { available } = await this.preload.preload(saleId, demo);
    this.logger.log({ msg: 'demo sale on', saleId, available });
  }

  /** A demo sale that an earlier start made but could not put on. */
  private async unfinished(): Promise<string | undefined> {
    const [row] = await this.database.query<{ id: string }>(
      `SELECT s.id FROM sales s JOIN audit_log a ON a.subject_id = s.id
        WHERE s.status = 'draft' AND a.action = 'sale.create' AND a.actor = ?`, [demo.actor]);
    return row?.id;
  }

  /** Undefined when there is a sale already, whatever became of it. */
  private async create(): Promise<string | undefined> {
    const sales = await this.database.query('SELECT id FROM sales LIMIT 1');
    if (sales.length > 0) return undefined;
    const { id: productId } = await this.life.createProduct(
      { name: 'Demo phone', description: 'It rings, and it is nearly free.' }, demo);
    const opensAtMs = this.clock.now();
    const sale = await this.life.createSale({
      productId, stock: 100, price: { amount: 9900, currency: 'CNY' }, limitPerUser: 2,
      opensAtMs, closesAtMs: opensAtMs + openForMs,
      payWindowSeconds: this.config.payWindowSeconds, protection: {},
      strategy: 'lua', redisOutage: 'database', segments: 1,
    }, demo);
    return sale.id;
  }
}
