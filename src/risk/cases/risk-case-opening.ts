import { InjectQueue } from '@nestjs/bullmq';
import { Injectable, Logger } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { Database, isDuplicateKey } from '../../infra/database';
import { Notifications } from '../../infra/notification';
import { ServerClock } from '../../infra/redis';
import { newId } from '../../kernel';
import { OrderFreeze } from '../../order';
import { BlacklistAdministration } from '../blacklist';
import { freezeAgain, riskQueue, type FreezeAgainJob } from './queue';
import type { Finding, RiskCase } from './risk-case';
import { RiskCaseStore } from './risk-case-store';

/** Who acts when nobody did. */
export const automaticActor = 'risk';
const blacklistMs = 24 * 3600 * 1_000;
/** By then a reservation that was on its way has become an order. */
const freezeAgainMs = 15_000;

/** What follows a high risk by itself: a case, the blacklist, frozen orders, a notice. */
@Injectable()
export class RiskCaseOpening {
  private readonly logger = new Logger('RiskCases');

  constructor(
    @InjectQueue(riskQueue) private readonly queue: Queue<FreezeAgainJob>,
    private readonly database: Database,
    private readonly store: RiskCaseStore,
    private readonly blacklist: BlacklistAdministration,
    private readonly freeze: OrderFreeze,
    private readonly notifications: Notifications,
    private readonly clock: ServerClock,
  ) {}

  /**
   * Opens the user's case and acts; with an open case only completes what a crash left out. May be
   * repeated at any time.
   */
  async open(finding: Finding): Promise<RiskCase> {
    const riskCase = await this.caseOf(finding);
    await this.blacklist.announce();
    await this.freezeOrders(riskCase);
    await this.queue.add(freezeAgain, { caseId: riskCase.id },
      { jobId: `${freezeAgain}-${riskCase.id}`, delay: freezeAgainMs });
    const { id, userId, saleId, score, openedAtMs } = riskCase;
    await this.notifications.send({ id, type: 'risk.case.opened',
      data: { caseId: id, userId, saleId, score, openedAt: new Date(openedAtMs).toISOString() } });
    return riskCase;
  }

  /** Freezes what has become an order since the case was opened; nothing once it is decided. */
  async freezeLate(caseId: string): Promise<void> {
    const riskCase = await this.store.find(caseId);
    if (riskCase?.status === 'open') await this.freezeOrders(riskCase);
  }

  private async caseOf(finding: Finding): Promise<RiskCase> {
    const id = newId('case');
    try {
      await this.database.transaction(async (transaction) => {
        await this.store.insert(transaction, id, finding);
        await this.blacklist.exclude(transaction, {
          kind: 'user', value: finding.userId, reason: `High risk, case ${id}`,
          expiresAtMs: this.clock.now() + blacklistMs,
        }, { actor: automaticActor, ip: finding.ip, traceId: finding.traceId });
      });
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
    }
    const riskCase = await this.store.openOf(finding.userId);
    if (!riskCase) throw new Error(`The case of ${finding.userId} was decided at this moment`);
    if (riskCase.id === id) {
      this.logger.warn({ msg: 'risk case opened', caseId: id, userId: finding.userId,
        score: riskCase.score, action: 'blacklisted for 24 h, orders frozen, waiting for a review' });
    }
    return riskCase;
  }

  private async freezeOrders({ id, userId, evidence }: RiskCase): Promise<void> {
    const frozen = await this.freeze.freeze(userId,
      { source: 'risk', ip: evidence.ip, traceId: evidence.traceId });
    if (frozen.length > 0) {
      this.logger.log({ msg: 'orders frozen', caseId: id, userId, orders: frozen.length });
    }
  }
}
