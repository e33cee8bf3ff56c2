import { getQueueToken } from '@nestjs/bullmq';
import type { Job, Queue } from 'bullmq';
import type { Identity } from '../../src/auth';
import { newId } from '../../src/kernel';
import type { OrderView } from '../../src/order';
import { Blacklist } from '../../src/risk';
import { RiskCaseOpening } from '../../src/risk/cases';
import { riskQueue, settleCases, type OpenCaseJob } from '../../src/risk/cases/queue';
import { RiskCasesProcessor } from '../../src/risk/cases/risk-cases.processor';
import { admin, type Caller } from './client';
import { TestProduct, type Installation } from './product';
import { until } from './until';

/** With these rules a buyer chooses his fate by how many units he asks for. */
export const harmless = { quantity: 1 };
export const doubtful = { quantity: 2 };
export const risky = { quantity: 3 };
const asksFor = (value: number, score: number, mode: 'on' | 'shadow' = 'on') => ({
  id: `asks-for-${value}`, description: 'A rule of the tests', score, mode,
  when: { all: [{ signal: 'quantity', op: '=', value }] } });
export const rulesOfTests = {
  refuseAbove: 0.7, captchaAbove: 0.4, captchaAfterAttemptsPerMinute: 10,
  rules: [asksFor(2, 0.5), asksFor(3, 0.8)],
};
export const everybodyIsRefused = { ...rulesOfTests,
  rules: [1, 2, 3].map((quantity) => asksFor(quantity, 0.8)) };
/** The same, but who asks for three is only counted. */
export const watchingRules = { ...rulesOfTests,
  rules: [asksFor(2, 0.5), asksFor(3, 0.8, 'shadow')] };

export const reviewer: Identity = { userId: 'reviewer', roles: ['risk'] };

export interface CaseAnswer {
  id: string;
  userId: string;
  saleId: string;
  score: number;
  status: 'open' | 'dismissed' | 'banned';
  decidedBy?: string;
  evidence: { assessment: { findings: { rule: string }[] } };
  orders: { id: string; status: OrderView['status'] }[];
  earlierCases: CaseAnswer[];
  thawed: { id: string; status: string }[];
  cancelled: { id: string; status: string; reason?: string }[];
}
export interface BlacklistAnswer {
  id: string;
  reason: string;
  createdBy: string;
  expiresAt?: string;
}

/** A running product with the rules of the tests, as buyers and reviewers meet it. */
export class CaseDesk {
  private constructor(readonly product: TestProduct) {}

  static async start(environment: Record<string, string> = {},
    installation?: Installation): Promise<CaseDesk> {
    const desk = new CaseDesk(
      await TestProduct.start({ RISK: 'on', ...environment }, installation));
    await desk.putRules(rulesOfTests);
    return desk;
  }

  get client() { return this.product.client; }

  putRules(body: object) {
    return this.client.call('PUT', '/admin/v1/risk/rules', { as: reviewer, body });
  }

  /** A sale in which everybody may have six units. */
  openSale(changes: object = {}): Promise<string> {
    return this.client.openSale({ limitPerUser: 6, ...changes });
  }

  /** The user is refused once. Resolves to his case, when it has done all that it does at once. */
  async findRisky(saleId: string, userId: string): Promise<CaseAnswer> {
    const { status, body } = await this.client.buy(saleId, userId, risky);
    expect([status, body.code]).toEqual([403, 'RISK_REJECTED']);
    return this.openCaseOf(userId);
  }

  async openCaseOf(userId: string): Promise<CaseAnswer> {
    const { id } = await until(`${userId} has a case`, async () => {
      const { body } = await this.client.call<{ items: CaseAnswer[] }>('GET',
        '/admin/v1/risk/cases?status=open', { as: reviewer });
      return body.items.find((item) => item.userId === userId);
    });
    // The row of the case is there before any process has heard of the exclusion.
    await until('this process excludes him', async () =>
      this.product.get(Blacklist).find({ userId, ip: '' }) !== undefined);
    return until('his orders are frozen', async () => {
      const { body } = await this.read(id);
      return body.orders.every(({ status }) => status !== 'pending_payment') && body;
    });
  }

  /** What the worker is told when this user is refused. */
  findingOf(userId: string, saleId: string): OpenCaseJob {
    return { caseId: newId('case'), foundAtMs: Date.now(), userId, saleId, ip: '127.0.0.1',
      traceId: 'f'.repeat(32), assessment: { score: 0.8, findings: [], signals: { quantity: 3 } } };
  }

  /** The worker's part, by hand. */
  get opening(): RiskCaseOpening { return this.product.get(RiskCaseOpening); }

  freezeAgainJobs(): Promise<Job[]> {
    return this.product.get<Queue>(getQueueToken(riskQueue)).getDelayed();
  }

  /** What the schedule does every 15 s. */
  async settleCases(): Promise<void> {
    await this.product.get(RiskCasesProcessor).process({ name: settleCases } as Job);
  }

  read(caseId: string, as: Caller = reviewer) {
    return this.client.call<CaseAnswer>('GET', `/admin/v1/risk/cases/${caseId}`, { as });
  }

  decide(caseId: string, decision: 'dismiss' | 'ban', as: Caller = reviewer) {
    return this.client.call<CaseAnswer>('POST', `/admin/v1/risk/cases/${caseId}/decision`,
      { as, body: { decision, note: `To ${decision}` } });
  }

  entryOf(userId: string) {
    return this.client.call<BlacklistAnswer>('GET', `/admin/v1/blacklist/user/${userId}`,
      { as: reviewer });
  }

  /** Who did what to this subject, the newest first. */
  async audited(subjectId: string): Promise<{ action: string; actor: string }[]> {
    const { body } = await this.client.call<{ items: { action: string; actor: string }[] }>(
      'GET', `/admin/v1/audit?subjectId=${subjectId}`, { as: admin });
    return body.items.map(({ action, actor }) => ({ action, actor }));
  }

  stop(): Promise<void> {
    return this.product.stop();
  }
}
