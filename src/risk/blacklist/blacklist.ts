import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { RedisConnections, ServerClock } from '../../infra/redis';
import type { BlacklistEntry } from './blacklist-entry';
import { BlacklistStore } from './blacklist-store';
import { BlacklistTable, type BlacklistCaller } from './blacklist-table';

const channel = 'blacklist';
const pollMs = 400;
const pruneMs = 60_000;

/**
 * The blacklist in the memory of this process. What has changed is read when a process announces it
 * and by a poll, so a change is in force within a second also when the message is lost. While the
 * database is away the last snapshot stands; without a first one the process does not start.
 */
@Injectable()
export class Blacklist implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('Blacklist');
  private table = new BlacklistTable();
  /** Everything up to this revision is in the table. */
  private revision = 0;
  private databaseIsAway = false;
  private running: Promise<void> = Promise.resolve();
  private next: Promise<void> | undefined;
  private readonly timers: NodeJS.Timeout[] = [];

  constructor(
    private readonly store: BlacklistStore,
    private readonly connections: RedisConnections,
    private readonly clock: ServerClock,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.catchUp();
    this.connections.subscribe(channel, () => { void this.refresh(); });
    this.timers.push(
      setInterval(() => { void this.refresh(); }, pollMs).unref(),
      setInterval(() => { this.table.prune(this.clock.now()); }, pruneMs).unref());
  }

  onModuleDestroy(): void {
    for (const timer of this.timers) clearInterval(timer);
  }

  /** The entry that excludes this caller now, from memory alone. */
  find(caller: BlacklistCaller): BlacklistEntry | undefined {
    return this.table.find(caller, this.clock.now());
  }

  /** Tells every process of committed changes; resolves when this one knows. Never rejects. */
  async announce(): Promise<void> {
    this.connections.publish(channel, '');
    await this.refresh();
  }

  /** Reads what has changed in a statement that starts after this call. Never rejects. */
  private refresh(): Promise<void> {
    this.next ??= this.running.then(() => {
      this.next = undefined;
      this.running = this.tryToCatchUp();
      return this.running;
    });
    return this.next;
  }

  private async tryToCatchUp(): Promise<void> {
    try {
      await this.catchUp();
      this.databaseIsAway = false;
    } catch (error) {
      // Once per outage.
      if (!this.databaseIsAway) {
        this.logger.warn({ msg: 'blacklist not read, the last snapshot stands', err: error });
      }
      this.databaseIsAway = true;
    }
  }

  private async catchUp(): Promise<void> {
    let changes = await this.store.changesAfter(this.revision);
    // A lower revision than what is known comes from a database that was set back.
    const isGap = changes.forgotten > this.revision || changes.revision < this.revision;
    const table = isGap ? new BlacklistTable() : this.table;
    if (isGap && this.revision > 0) changes = await this.store.changesAfter(0);
    for (const subject of changes.removed) table.delete(subject);
    for (const entry of changes.put) table.set(entry);
    this.table = table;
    this.revision = changes.revision;
  }
}
