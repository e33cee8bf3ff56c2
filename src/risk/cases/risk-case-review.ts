import { Injectable, Logger } from '@nestjs/common';
import { AuditLog, type Origin } from '../../infra/audit';
import { Database } from '../../infra/database';
import { Notifications } from '../../infra/notification';
import { assertUnreachable, ProblemError } from '../../kernel';
import { OrderFreeze, type Cause, type Order } from '../../order';
import { BlacklistAdministration } from '../blacklist';
import { automaticActor } from './risk-case-opening';
import { statusAfter, type Decision, type RiskCase } from './risk-case';
import { RiskCaseStore } from './risk-case-store';
import { RiskPardons } from './risk-pardons';

/** What became of the orders that a case had frozen. */
export interface SettledOrders {
  thawed: readonly Order[];
  /** Cancelled: the buyer is banned, or the units were gone. */
  cancelled: readonly Order[];
}

/** A reviewer's decision and what follows from it. */
@Injectable()
export class RiskCaseReview {
  private readonly logger = new Logger('RiskCases');

  constructor(
    private readonly database: Database,
    private readonly store: RiskCaseStore,
    private readonly auditLog: AuditLog,
    private readonly blacklist: BlacklistAdministration,
    private readonly freeze: OrderFreeze,
    private readonly notifications: Notifications,
    private readonly pardons: RiskPardons,
  ) {}

  /**
   * Decides once; the same decision again completes what is left of it. Throws NOT_FOUND, and
   * CASE_STATE_CONFLICT when it was decided the other way.
   */
  async decide(caseId: string, decision: Decision, note: string | undefined,
    origin: Origin): Promise<{ riskCase: RiskCase; orders: SettledOrders }> {
    const before = await this.require(caseId);
    await this.database.transaction(async (transaction) => {
      const isFirst = await this.store.decide(transaction, caseId, statusAfter[decision],
        origin.actor, note);
      if (!isFirst) return;
      const user = { kind: 'user', value: before.userId } as const;
      if (decision === 'dismiss') {
        // What an operator has decided himself outlives the case.
        await this.blacklist.liftBy(transaction, automaticActor, user, origin);
      } else {
        await this.blacklist.exclude(transaction, { ...user, reason: `Banned, case ${caseId}` },
          origin);
      }
      await this.auditLog.record(transaction, { ...origin, action: `risk.${decision}`,
        subjectId: caseId, detail: { userId: before.userId, note: note ?? null } });
    });
    const riskCase = await this.require(caseId);
    if (riskCase.status !== statusAfter[decision]) {
      throw new ProblemError('CASE_STATE_CONFLICT', `The case is ${riskCase.status} already.`);
    }
    await this.blacklist.announce();
    const orders = await this.settle(riskCase, { source: 'risk', ...origin });
    return { riskCase, orders };
  }

  /** Carries a decision to the orders that a crash has kept from following. */
  async complete(riskCase: RiskCase): Promise<void> {
    const { ip, traceId } = riskCase.evidence;
    await this.settle(riskCase, { source: 'risk', ip, traceId });
    this.logger.log({ msg: 'decided case settled late', caseId: riskCase.id });
  }

  private async settle(riskCase: RiskCase, { source, ip, traceId }: Cause): Promise<SettledOrders> {
    if (riskCase.isSettled) return { thawed: [], cancelled: [] };
    const { id, userId, status } = riskCase;
    const frozen = await this.frozenFor(userId);
    const orders = await this.follow(riskCase, frozen, { source, ip, traceId });
    await this.notifications.send({ id: `${id}-decided`, type: 'risk.case.decided',
      data: { caseId: id, userId, status } });
    await this.store.markSettled(riskCase);
    // A freeze that began before the decision may have ended after it.
    if ((await this.frozenFor(userId)).length > 0) await this.store.settleAgain(id);
    return orders;
  }

  /** Ids of the user's frozen orders; none while a newer case of his waits: they follow that. */
  private async frozenFor(userId: string): Promise<string[]> {
    const frozen = await this.freeze.frozenOf(userId);
    return await this.store.openOf(userId) ? [] : frozen.map(({ id }) => id);
  }

  private async follow({ status, userId }: RiskCase, frozen: readonly string[],
    cause: Cause): Promise<SettledOrders> {
    switch (status) {
      case 'dismissed': {
        await this.pardons.grant(userId);
        const { thawed, refused } = await this.freeze.thaw(frozen, cause);
        return { thawed, cancelled: refused };
      }
      case 'banned':
        return { thawed: [], cancelled: await this.freeze.cancelFrozen(frozen, 'BANNED', cause) };
      case 'open': throw new Error('An open case has no decision to follow');
      default: return assertUnreachable(status);
    }
  }

  private async require(caseId: string): Promise<RiskCase> {
    const riskCase = await this.store.find(caseId);
    if (!riskCase) throw new ProblemError('NOT_FOUND', 'There is no such case.');
    return riskCase;
  }
}
