import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { RedisConnections, Refresher, ServerClock } from '../../infra/redis';
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
  private readonly refresher: Refresher;
  private table = new BlacklistTable();
  /** Everything up to this revision is in the table. */
  private revision = 0;
  private pruning: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: BlacklistStore,
    connections: RedisConnections,
    private readonly clock: ServerClock,
  ) {
    this.refresher = new Refresher(connections, { channel, pollMs, read: () => this.catchUp(),
      logger: new Logger('Blacklist'), complaint: 'blacklist not read, the last snapshot stands' });
  }

  async onModuleInit(): Promise<void> {
    await this.catchUp();
    this.refresher.start();
    this.pruning = setInterval(() => { this.table.prune(this.clock.now()); }, pruneMs).unref();
  }

  onModuleDestroy(): void {
    this.refresher.stop();
    clearInterval(this.pruning);
  }

  /** The entry that excludes this caller now, from memory alone. */
  find(caller: BlacklistCaller): BlacklistEntry | undefined {
    return this.table.find(caller, this.clock.now());
  }

  /** Tells every process of committed changes; resolves when this one knows. Never rejects. */
  announce(): Promise<void> {
    return this.refresher.announce();
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
