import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { RedisConnections, Refresher } from '../../infra/redis';
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
  private readonly refresher: Refresher;

  constructor(private readonly store: RuleSetStore, connections: RedisConnections) {
    this.refresher = new Refresher(connections, { channel, pollMs, read: () => this.catchUp(),
      logger: this.logger, complaint: 'risk rules not read, the last ones stand' });
  }

  async onModuleInit(): Promise<void> {
    this.putInForce(await this.newestReadable());
    await this.refresher.refresh(); // which tells of a newer one that this release does not understand
    this.refresher.start();
  }

  onModuleDestroy(): void {
    this.refresher.stop();
  }

  get version(): RuleSetVersion {
    return this.known.version;
  }

  get rules(): CompiledRules {
    return this.known.rules;
  }

  /** Tells every process of a committed set; resolves when this one knows. Never rejects. */
  announce(): Promise<void> {
    return this.refresher.announce();
  }

  private get known() {
    if (!this.active) throw new Error('The risk rules are asked before they are read');
    return this.active;
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
