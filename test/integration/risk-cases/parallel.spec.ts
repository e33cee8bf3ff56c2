import { getQueueToken } from '@nestjs/bullmq';
import type { Queue } from 'bullmq';
import { Database } from '../../../src/infra/database';
import { OrderFreeze } from '../../../src/order';
import { RiskCaseStore } from '../../../src/risk';
import { riskQueue } from '../../../src/risk/cases/queue';
import { afterNext } from '../../support/after-next';
import { CaseDesk, harmless, reviewer } from '../../support/case-desk';
import { untilWaiting } from '../../support/lock-waits';
import { TestProduct, createInstallation } from '../../support/product';
import { until } from '../../support/until';

jest.setTimeout(180_000);

describe('a case and what happens at the same time', () => {
  let desk: CaseDesk;

  beforeAll(async () => { desk = await CaseDesk.start(); });
  afterAll(() => desk.stop());

  const casesOf = (userId: string) => desk.product.get(RiskCaseStore).ofUser(userId);

  it('is one case when twenty findings of a user come at once', async () => {
    const saleId = await desk.openSale();
    const order = await desk.client.order(saleId, 'ann', harmless);
    const found = await Promise.all(Array.from({ length: 20 }, () =>
      desk.opening.open(desk.findingOf('ann', saleId))));
    expect(await casesOf('ann')).toHaveLength(1);
    expect(new Set(found.map((riskCase) => riskCase?.id)).size).toBe(1);
    await desk.client.inStatus(order.id, 'ann', 'frozen');
    expect(await desk.client.atRest(saleId)).toMatchObject({ redis: { available: 10 } });
  });

  it('takes up what a later finding says: blacklisted again, new orders frozen', async () => {
    const saleId = await desk.openSale();
    await desk.opening.open(desk.findingOf('ben', saleId));
    await desk.client.call('DELETE', '/admin/v1/blacklist/user/ben', { as: reviewer });
    const order = await desk.client.order(saleId, 'ben', harmless);
    await desk.opening.open(desk.findingOf('ben', saleId));
    expect(await casesOf('ben')).toHaveLength(1);
    expect((await desk.entryOf('ben')).body.createdBy).toBe('risk rules');
    await desk.client.inStatus(order.id, 'ben', 'frozen');
  });

  it('is not opened again by the retry of a job whose case is dismissed meanwhile', async () => {
    const saleId = await desk.openSale();
    const order = await desk.client.order(saleId, 'cat', harmless);
    const finding = desk.findingOf('cat', saleId);
    await desk.opening.open(finding);
    await desk.decide(finding.caseId, 'dismiss');
    await desk.opening.open(finding);
    expect(await casesOf('cat')).toMatchObject([{ status: 'dismissed' }]);
    expect((await desk.entryOf('cat')).status).toBe(404);
    await desk.client.inStatus(order.id, 'cat', 'pending_payment');
  });

  it('is not followed by another of a finding that waits for its dismissal', async () => {
    const saleId = await desk.openSale();
    const finding = desk.findingOf('fay', saleId);
    await desk.opening.open(finding);
    const store = desk.product.get(RiskCaseStore);
    const database = desk.product.get(Database);
    let late: Promise<unknown> | undefined;
    await database.transaction(async (transaction) => {
      await store.decide(transaction, finding.caseId, 'dismissed', 'reviewer', undefined);
      late = desk.opening.open(desk.findingOf('fay', saleId));
      await untilWaiting(database, 1);
    });
    await late;
    expect(await casesOf('fay')).toMatchObject([{ status: 'dismissed' }]);
  });

  it('that is dismissed while its orders are being frozen leaves none of them frozen', async () => {
    const saleId = await desk.openSale();
    const finding = desk.findingOf('dan', saleId);
    const { id } = await desk.client.order(saleId, 'dan', harmless);
    // The decision finds nothing frozen; the freeze that began before it ends after it.
    afterNext(desk.product.get(RiskCaseStore), 'find', (caseId) => caseId === finding.caseId,
      async () => {
        expect((await desk.decide(finding.caseId, 'dismiss')).body.thawed).toEqual([]);
      });
    await desk.product.get(Database).transaction((transaction) =>
      desk.product.get(RiskCaseStore).insertUnlessOpen(transaction, finding.caseId, finding));
    await desk.opening.freezeLate(finding.caseId);
    await desk.settleCases();
    await desk.client.inStatus(id, 'dan', 'pending_payment');
    expect(await desk.client.atRest(saleId)).toMatchObject({ redis: { available: 9 } });
  });

  it('keeps its orders frozen when the decision of an older case is repeated', async () => {
    const saleId = await desk.openSale();
    const older = desk.findingOf('eve', saleId);
    await desk.opening.open(older);
    await desk.decide(older.caseId, 'dismiss');
    await desk.product.get(Database).execute(`UPDATE risk_cases
      SET decided_at = decided_at - INTERVAL 2 DAY WHERE id = ?`, [older.caseId]);
    const { id } = await desk.client.order(saleId, 'eve', harmless);
    await desk.opening.open(desk.findingOf('eve', saleId));
    await desk.product.get(RiskCaseStore).settleAgain(older.caseId);
    expect((await desk.decide(older.caseId, 'dismiss')).body.thawed).toEqual([]);
    expect((await desk.client.find(id, 'eve')).body.status).toBe('frozen');
  });

  it('freezes a reservation that had no row yet when it was opened, once it has one', async () => {
    const installation = await createInstallation();
    const selling = await CaseDesk.start({ ROLES: 'api' }, installation);
    const saleId = await selling.openSale();
    const { body: { id } } = await selling.client.buy(saleId, 'fay', harmless);
    const finding = selling.findingOf('fay', saleId);
    await selling.opening.open(finding);
    const delayed = await until('the second freeze is due', () =>
      selling.freezeAgainJobs().then((jobs) => jobs.length > 0 && jobs));
    expect(delayed).toMatchObject([{ data: { caseId: finding.caseId }, delay: 15_000 }]);
    // It waits until the test lets it go on, however long the row takes.
    await delayed[0]?.changeDelay(3_600_000);
    const writing = await TestProduct.start({ ROLES: 'worker' }, installation);
    await selling.client.inStatus(id, 'fay', 'pending_payment');
    await delayed[0]?.promote();
    await selling.client.inStatus(id, 'fay', 'frozen');
    expect(await selling.client.atRest(saleId)).toMatchObject({ redis: { available: 10 } });
    await writing.stop();
    await selling.stop();
    await installation.drop();
  });

  it('that ends in a ban also takes an order that had no row when it was decided', async () => {
    // The schedule would cancel the order before the test has seen it frozen.
    const queue = desk.product.get<Queue>(getQueueToken(riskQueue));
    await queue.pause();
    const saleId = await desk.openSale();
    const finding = desk.findingOf('gil', saleId);
    await desk.opening.open(finding);
    await desk.decide(finding.caseId, 'ban');
    await desk.client.call('DELETE', '/admin/v1/blacklist/user/gil', { as: reviewer });
    const { id } = await desk.client.order(saleId, 'gil', harmless);
    await desk.opening.freezeLate(finding.caseId);
    expect(await desk.product.get(OrderFreeze).frozenOf('gil')).toHaveLength(1);
    await desk.settleCases();
    expect((await desk.client.inStatus(id, 'gil', 'cancelled')).reason).toBe('BANNED');
    await queue.resume();
  });
});
