import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { RedisConnections } from '../../infra/redis';
import { CompiledRules } from './compiled-rules';
import { ruleSet } from './rule-set';
import { RuleSetStore, shipped, type RuleSetVersion } from './rule-set-store';

const channel = 'risk-rules';
const pollMs = 500;

/**
 * The rules in force, in the memory of this process: read when a process announces new ones and
 * by a poll, so within a second also when the message is lost. While the database is away the last
 * ones stand; without first ones the process does not start. A set of another release is passed over:
 * what stood before it stands, also for a process that starts.
 */
@Injectable()
export class ActiveRules implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('RiskRules');
  private active: { version: RuleSetVersion; rules: CompiledRules } | undefined;
  private lastFault = '';
  private running: Promise<void> = Promise.resolve();
  private next: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: RuleSetStore,
    private readonly connections: RedisConnections,
  ) {}

  async onModuleInit(): Promise<void> {
    this.putInForce(await this.newestReadable());
    await this.refresh(); // which tells of a newer one that this release does not understand
    this.connections.subscribe(channel, () => { void this.refresh(); });
    this.timer = setInterval(() => { void this.refresh(); }, pollMs).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  get version(): RuleSetVersion {
    return this.known.version;
  }

  get rules(): CompiledRules {
    return this.known.rules;
  }

  /** Tells every process of a committed set; resolves when this one knows. Never rejects. */
  async announce(): Promise<void> {
    this.connections.publish(channel, '');
    await this.refresh();
  }

  private get known() {
    if (!this.active) throw new Error('The risk rules are asked before they are read');
    return this.active;
  }

  /** Reads what is in force in a statement that starts after this call. Never rejects. */
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
      this.lastFault = '';
    } catch (error) {
      // Once per fault, not once per poll.
      if (this.lastFault !== String(error)) {
        this.logger.warn({ msg: 'risk rules not read, the last ones stand', err: error });
      }
      this.lastFault = String(error);
    }
  }

  private async catchUp(): Promise<void> {
    const newest = await this.store.newestVersion();
    if (newest === this.active?.version.version) return;
    this.putInForce(await this.store.newest());
  }

  private async newestReadable(): Promise<RuleSetVersion> {
    for await (const version of this.store.newestFirst()) {
      if (ruleSet.safeParse(version.set).success) return version;
    }
    return shipped;
  }

  /** A set that another release has stored may speak of signals that this one does not know: it throws. */
  private putInForce(version: RuleSetVersion): void {
    this.active = { version, rules: new CompiledRules(ruleSet.parse(version.set)) };
    this.logger.log({ msg: 'risk rules in force', version: version.version, by: version.createdBy });
  }
}
