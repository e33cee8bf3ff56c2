import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { LuaCommands, readLuaScripts } from '../../../src/infra/redis';
import { saleKeys } from '../../../src/stock/sale-keys';
import { namesOf, type RedisStrategy } from './scripts';
import { TestSale, type Load } from './test-sale';

const luaFolder = join(__dirname, '../../../src/stock/lua');

/** A connection to a Redis, by default that of the tests, with every script of the stock module. */
export class TestLedger {
  readonly redis: Redis;
  private readonly commands: LuaCommands;
  private readonly namespace = `test-${randomBytes(6).toString('hex')}`;
  private readonly sales: TestSale[] = [];

  /** Its sales are of this strategy. */
  constructor(readonly strategy: RedisStrategy = 'lua', url = process.env.TEST_REDIS_URL ?? '') {
    this.redis = new Redis(url);
    this.commands = new LuaCommands(this.redis, readLuaScripts(luaFolder));
  }

  /** A sale of which Redis knows nothing. */
  newSale(): TestSale {
    const id = `sale${this.sales.length}`;
    const sale = new TestSale(this.redis, this.commands, saleKeys(this.namespace, id),
      this.strategy);
    this.sales.push(sale);
    return sale;
  }

  /** A sale that is on: 10 units, 2 a buyer, epoch 1, as `load` says otherwise. */
  async openSale(load: Load = {}): Promise<TestSale> {
    const sale = this.newSale();
    await sale.load(load);
    return sale;
  }

  /** Every key that the sales of this ledger left in Redis. */
  async keys(): Promise<string[]> {
    return (await this.redis.keys(`${this.namespace}:*`)).sort();
  }

  async close(): Promise<void> {
    for (const { keys } of this.sales) await this.redis.unlink(namesOf(keys));
    await this.redis.quit();
  }
}
