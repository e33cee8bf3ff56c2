import { Injectable, type OnModuleInit } from '@nestjs/common';
import { RedisConnections } from '../infra/redis';
import type { OrderStatus } from '../stock';

const channel = 'orders';

export interface OrderNotice {
  rid: string;
  status: OrderStatus;
}

/**
 * Tells every process, over Redis, that orders changed. A notice may be lost: whoever waits for one
 * also looks for himself now and then.
 */
@Injectable()
export class OrderNotices implements OnModuleInit {
  private readonly listeners = new Map<string, Set<(status: OrderStatus) => void>>();

  constructor(private readonly connections: RedisConnections) {}

  async onModuleInit(): Promise<void> {
    await this.connections.subscribe(channel, (message) => {
      for (const { rid, status } of JSON.parse(message) as OrderNotice[]) {
        for (const listener of this.listeners.get(rid) ?? []) listener(status);
      }
    });
  }

  publish(notices: readonly OrderNotice[]): void {
    if (notices.length > 0) this.connections.publish(channel, JSON.stringify(notices));
  }

  /** Hears of one order from now on; the answer stops it. */
  listen(rid: string, listener: (status: OrderStatus) => void): () => void {
    const listeners = this.listeners.get(rid) ?? new Set();
    this.listeners.set(rid, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.listeners.delete(rid);
    };
  }

  /** Resolves at the next notice about the order, at the latest after this time. */
  async next(rid: string, timeoutMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    const stop = this.listen(rid, () => { resolve(); });
    await promise;
    clearTimeout(timer);
    stop();
  }
}
