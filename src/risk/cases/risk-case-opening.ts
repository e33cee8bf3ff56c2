import { InjectQueue } from '@nestjs/bullmq';
import { Injectable, Logger } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { Database } from '../../infra/database';
import { Notifications } from '../../infra/notification';
import { OrderFreeze } from '../../order';
import { BlacklistAdministration } from '../blacklist';
import { freezeAgain, riskQueue, type FreezeAgainJob, type OpenCaseJob } from './queue';
import type { RiskCase } from './risk-case';
import { RiskCaseStore } from './risk-case-store';

/** Who acts when nobody did. No user id has a space: no operator's entry is taken for his. */
export const automaticActor = 'risk rules';
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
  ) {}

  /**
   * Opens the user's case and acts; with an open case the finding counts for that one. May be
   * repeated at any time. Resolves to the case, to none where a reviewer has just dismissed one.
   */
  async open(finding: OpenCaseJob): Promise<RiskCase | undefined> {
    const riskCase = await this.caseOf(finding);
    if (!riskCase) return undefined;
    await this.act(riskCase);
    if (riskCase.status === 'open') {
      await this.queue.add(freezeAgain, { caseId: riskCase.id },
        { jobId: `${freezeAgain}-${riskCase.id}`, delay: freezeAgainMs });
    }
    return riskCase;
  }

  /** Freezes what has become an order since the case was opened. */
  async freezeLate(caseId: string): Promise<void> {
    const riskCase = await this.store.find(caseId);
    if (!riskCase) return;
    await this.freezeOrders(riskCase);
    if (riskCase.status === 'open') await this.store.markSettled(riskCase);
  }

  /** Does what a crash has left out of an open case. */
  async complete(riskCase: RiskCase): Promise<void> {
    await this.act(riskCase);
    await this.store.markSettled(riskCase);
  }

  private async act(riskCase: RiskCase): Promise<void> {
    await this.blacklist.announce();
    await this.freezeOrders(riskCase);
    if (riskCase.status !== 'open' || riskCase.isSettled) return;
    const { id, userId, saleId, score, openedAtMs } = riskCase;
    await this.notifications.send({ id, type: 'risk.case.opened',
      data: { caseId: id, userId, saleId, score, openedAt: new Date(openedAtMs).toISOString() } });
  }

  private async caseOf({ caseId, foundAtMs, ...finding }: OpenCaseJob) {
    const { userId, ip, traceId } = finding;
    const riskCase = await this.database.transaction(async (transaction) => {
      await this.store.insertUnlessOpen(transaction, caseId, finding);
      // Its signals are still what they were: what a person has decided is not undone by them. Asked
      // only now, since the insertion waits for whoever is deciding about the case before.
      if (await this.store.isDismissedLately(transaction, userId)) {
        await this.store.removeOpen(transaction, caseId);
        return this.store.find(caseId, transaction);
      }
      const open = await this.store.openOf(userId, transaction);
      if (!open) return this.store.find(caseId, transaction);
      await this.blacklist.exclude(transaction, { kind: 'user', value: userId,
        reason: `High risk, case ${open.id}`, expiresAtMs: foundAtMs + blacklistMs },
      { actor: automaticActor, ip, traceId });
      return open;
    });
    this.logger.warn({ msg: 'high risk found', caseId: riskCase?.id, userId,
      score: finding.assessment.score, status: riskCase?.status ?? 'dismissed lately',
      action: riskCase?.status === 'open'
        ? 'blacklisted for 24 h, orders frozen, waiting for a review' : 'none' });
    return riskCase;
  }

  /** A dismissed buyer's orders stay as they are; those of a banned one are frozen, too. */
  private async freezeOrders({ id, userId, status, evidence: { ip, traceId } }: RiskCase) {
    const frozen = status === 'dismissed' ? await this.freeze.frozenOf(userId)
      : await this.freeze.freeze(userId, { source: 'risk', ip, traceId });
    if (frozen.length === 0) return;
    this.logger.log({ msg: 'orders frozen', caseId: id, userId, orders: frozen.length });
    // Whoever decides meanwhile may have looked before they were frozen: they follow him late.
    await this.store.settleAgain(id);
  }
}
