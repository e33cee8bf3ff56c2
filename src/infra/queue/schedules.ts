import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { RedisConnections, ServerClock } from '../redis';

const repairMs = 30_000;

/**
 * Jobs that come again and again, one at a time over all processes. The schedule lives in Redis and
 * is lost with it, so it is put back on every connect and twice a minute. A process whose clock is
 * ahead takes the next run with it into the future: then the schedule is made anew.
 */
@Injectable()
export class Schedules implements OnModuleDestroy {
  private readonly logger = new Logger('Schedules');
  private readonly entries: { queue: Queue; id: string; everyMs: number }[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly connections: RedisConnections,
    private readonly clock: ServerClock,
  ) {}

  /** From now on a job named `id` runs on this queue every so many milliseconds. */
  every(queue: Queue, id: string, everyMs: number): void {
    this.entries.push({ queue, id, everyMs });
    if (this.timer === undefined) {
      this.timer = setInterval(() => { void this.repair(); }, repairMs).unref();
      this.connections.general.on('ready', () => { void this.repair(); });
    }
    // Not awaited: a process starts while Redis is away, and `repair` puts it back.
    void this.put({ queue, id, everyMs });
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
    this.entries.length = 0;
  }

  private async repair(): Promise<void> {
    await Promise.all(this.entries.map((entry) => this.put(entry)));
  }

  private async put({ queue, id, everyMs }: { queue: Queue; id: string; everyMs: number }) {
    try {
      const { next = 0 } = await queue.getJobScheduler(id) ?? {};
      if (next > this.clock.now() + 2 * everyMs) await queue.removeJobScheduler(id);
      await queue.upsertJobScheduler(id, { every: everyMs }, { name: id });
    } catch (error) {
      this.logger.warn({ msg: 'schedule not written, trying again', id, error: String(error) });
    }
  }
}
