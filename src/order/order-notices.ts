import { Injectable, type OnModuleInit } from '@nestjs/common';
import { RedisConnections } from '../infra/redis';

const channel = 'orders';

export interface OrderWatch {
  /** Resolves at a notice since the last call, at the latest after this time. One call at a time. */
  next(timeoutMs: number): Promise<void>;
  stop(): void;
}

/**
 * Tells every process, over Redis, that orders changed. A notice may be lost: whoever waits for one
 * also looks for himself now and then.
 */
@Injectable()
export class OrderNotices implements OnModuleInit {
  private readonly listeners = new Map<string, Set<() => void>>();

  constructor(private readonly connections: RedisConnections) {}

  onModuleInit(): void {
    this.connections.subscribe(channel, (message) => {
      for (const rid of JSON.parse(message) as string[]) {
        for (const listener of this.listeners.get(rid) ?? []) listener();
      }
    });
  }

  publish(rids: readonly string[]): void {
    if (rids.length > 0) this.connections.publish(channel, JSON.stringify(rids));
  }

  /** Hears of one order from now on: nothing is missed between two calls of `next`. */
  watch(rid: string): OrderWatch {
    let missed = false;
    let wake = () => { missed = true; };
    const listener = () => { wake(); };
    const listeners = this.listeners.get(rid) ?? new Set();
    this.listeners.set(rid, listeners.add(listener));
    return {
      next: async (timeoutMs) => {
        if (!missed) {
          const { promise, resolve } = Promise.withResolvers<void>();
          const timer = setTimeout(resolve, timeoutMs);
          wake = resolve;
          await promise;
          clearTimeout(timer);
          wake = () => { missed = true; };
        }
        missed = false;
      },
      stop: () => {
        listeners.delete(listener);
        if (listeners.size === 0) this.listeners.delete(rid);
      },
    };
  }
}
