import { AsyncLocalStorage } from 'node:async_hooks';
import { DatabaseError } from './database-error';

/**
 * A buyer's client gives up after a few seconds, and asks again. Were all who wait served in their turn, each
 * would have gone by then, and the database would work for nobody for as long as they ask.
 */
const buyerMs = 1_000;
/** Also of a buyer's request that has been served once: what was done for it would be done in vain. */
const othersMs = 30_000;
const waitingAtMost = 1_000;

const buyers = new AsyncLocalStorage<{ isServed: boolean }>();

/** What `work` asks of the database, now or later, waits for its first connection for a second at most. */
export function onBehalfOfBuyer(work: () => void): void {
  buyers.run({ isServed: false }, work);
}

/**
 * Who may have one of so many connections, in the sequence of asking. In front of the pool, because that
 * would open connections also for those who no longer wait, one after the other while the server hangs.
 */
export class ConnectionTurns {
  private readonly waiting = new Set<() => void>();

  constructor(private free: number) {}

  /** Whether there is one at once; `give` it back. */
  tryTake(): boolean {
    if (this.free === 0) return false;
    this.free -= 1;
    const buyer = buyers.getStore();
    if (buyer) buyer.isServed = true;
    return true;
  }

  /**
   * Waits for one; `give` it back. Throws a `DatabaseError` POOL_BUSY when none is free for as long as the
   * caller may wait, 1 or 30 s, and at once when a thousand wait.
   */
  async take(): Promise<void> {
    if (this.tryTake()) return;
    const buyer = buyers.getStore();
    await this.wait(buyer?.isServed === false ? buyerMs : othersMs);
    if (buyer) buyer.isServed = true;
  }

  give(): void {
    const [next] = this.waiting;
    if (!next) this.free += 1;
    else {
      this.waiting.delete(next);
      next();
    }
  }

  private async wait(limitMs: number): Promise<void> {
    if (this.waiting.size >= waitingAtMost) throw busy(`${waitingAtMost} wait for a connection`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      this.waiting.delete(resolve);
      reject(busy(`no free connection within ${limitMs} ms`));
    }, limitMs);
    this.waiting.add(resolve);
    await promise.finally(() => { clearTimeout(timer); });
  }
}

function busy(message: string): DatabaseError {
  return new DatabaseError(message, 'POOL_BUSY');
}
