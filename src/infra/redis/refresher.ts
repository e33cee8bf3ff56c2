import type { Logger } from '@nestjs/common';
import type { RedisConnections } from './redis-connections';

interface RefresherSettings {
  /** Where processes tell each other of a change. */
  channel: string;
  /** How old what is known may become where a message is lost, in milliseconds. */
  pollMs: number;
  /** Reads what stands now into the memory of whoever keeps it. */
  read: () => Promise<void>;
  /** Called with each message of the channel, before it is read anew. */
  heard?: (message: string) => void;
  logger: Logger;
  /** What is logged with the first of equal faults in a row. */
  complaint: string;
}

/**
 * Keeps what a process has in memory like what the database has: read anew when a process announces
 * a change, and by a poll, since a message may be lost. While it cannot be read the last one stands.
 */
export class Refresher {
  private running: Promise<void> = Promise.resolve();
  private next: Promise<void> | undefined;
  private lastFault = '';
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly connections: Pick<RedisConnections, 'subscribe' | 'publish'>,
    private readonly settings: RefresherSettings,
  ) {}

  start(): void {
    const { channel, pollMs, heard } = this.settings;
    this.connections.subscribe(channel, (message) => {
      heard?.(message);
      void this.refresh();
    });
    this.timer = setInterval(() => { void this.refresh(); }, pollMs).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Tells every process of a committed change; resolves when this one knows. Never rejects. */
  async announce(message = ''): Promise<void> {
    this.connections.publish(this.settings.channel, message);
    await this.refresh();
  }

  /** Reads in a statement that starts after this call; calls meanwhile share one. Never rejects. */
  refresh(): Promise<void> {
    this.next ??= this.running.then(() => {
      this.next = undefined;
      this.running = this.tryToRead();
      return this.running;
    });
    return this.next;
  }

  private async tryToRead(): Promise<void> {
    const { read, logger, complaint } = this.settings;
    try {
      await read();
      this.lastFault = '';
    } catch (error) {
      // Once per fault, not once per poll.
      if (this.lastFault !== String(error)) logger.warn({ msg: complaint, err: error });
      this.lastFault = String(error);
    }
  }
}
