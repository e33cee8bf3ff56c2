import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { APP_CONFIG, type AppConfig } from '../../config';
import { LuaCommands, type LuaScript } from './lua-scripts';
import { RedisConnections } from './redis-connections';

const commandTimeoutMs = 1_500;

/**
 * The connection of what stands before the stock: counting, rating, captchas. A layer that cannot
 * ask must not let anybody through, and a buyer must hear so at once: nothing waits for a server
 * that is away. Commands of one turn of the event loop leave as one write.
 */
@Injectable()
export class AdmissionRedis {
  readonly connection: Redis;

  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    connections: RedisConnections,
  ) {
    this.connection = connections.open('admission', {
      enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: commandTimeoutMs,
      enableAutoPipelining: true,
    });
  }

  /** The scripts of one module on this connection. Their rejections become 503 by themselves. */
  commands(scripts: readonly LuaScript[]): LuaCommands {
    return new LuaCommands(this.connection, scripts);
  }

  /** `fairdrop:throttle:user:alice`: a key of this installation. */
  key(...parts: readonly string[]): string {
    return [this.config.redisNamespace, ...parts].join(':');
  }
}
