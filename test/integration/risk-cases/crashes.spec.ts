import { getQueueToken } from '@nestjs/bullmq';
import type { Queue } from 'bullmq';
import { Database } from '../../../src/infra/database';
import { Notifications } from '../../../src/infra/notification';
import { OrderFreeze } from '../../../src/order';
import { RiskCaseStore } from '../../../src/risk';
import { riskQueue } from '../../../src/risk/cases/queue';
import { CaseDesk, harmless } from '../../support/case-desk';
import { Receiver } from '../../support/receiver';
import { until } from '../../support/until';

jest.setTimeout(180_000);

describe('a case whose handling breaks off', () => {
  let receiver: Receiver;
  let desk: CaseDesk;

  beforeAll(async () => {
    receiver = await Receiver.start();
    desk = await CaseDesk.start({ NOTIFICATION_URLS: receiver.url,
      NOTIFICATION_SECRET: `whsec_${Buffer.alloc(24, 9).toString('base64')}`,
      NOTIFICATION_NETWORKS: '127.0.0.0/8' });
    // The worker's part is done by the tests alone: a schedule would mend what they look at.
    await desk.product.get<Queue>(getQueueToken(riskQueue)).pause();
  });
  afterEach(() => { jest.restoreAllMocks(); });
  afterAll(async () => {
    await desk.stop();
    receiver.stop();
  });

  const crash = () => Promise.reject(new Error('The process died here'));
  const caseOf = async (id: string) => desk.product.get(RiskCaseStore).find(id);
  /** As if the case had been opened a while ago: who opened it is not at it any more. */
  const age = (id: string) => desk.product.get(Database).execute(
    'UPDATE risk_cases SET opened_at = opened_at - INTERVAL 2 MINUTE WHERE id = ?', [id]);

  /** An order, and the finding of its buyer that nobody has taken up yet. */
  async function orderOf(userId: string) {
    const saleId = await desk.openSale();
    const { id: orderId } = await desk.client.order(saleId, userId, harmless);
    return { saleId, orderId, finding: desk.findingOf(userId, saleId) };
  }

  it('between the case and the freeze is completed by the retry of the job', async () => {
    const { orderId, saleId, finding } = await orderOf('ann');
    jest.spyOn(desk.product.get(OrderFreeze), 'freeze').mockImplementationOnce(crash);
    await expect(desk.opening.open(finding)).rejects.toThrow('died');
    expect((await caseOf(finding.caseId))?.status).toBe('open');
    expect((await desk.client.find(orderId, 'ann')).body.status).toBe('pending_payment');
    await desk.opening.open(finding);
    await desk.client.inStatus(orderId, 'ann', 'frozen');
    expect(await desk.client.atRest(saleId)).toMatchObject({ redis: { available: 10 } });
    const { body: { id } } = await desk.entryOf('ann');
    expect(await desk.audited(id)).toHaveLength(1);
  });

  it.each([
    ['between the case and the freeze', 'ben',
      () => jest.spyOn(desk.product.get(OrderFreeze), 'freeze').mockImplementationOnce(crash)],
    ['before the notice', 'bea',
      () => jest.spyOn(desk.product.get(Notifications), 'send').mockImplementationOnce(crash)],
  ])('%s, without any retry, is completed by the schedule', async (_where, userId, breakOff) => {
    const { orderId, finding } = await orderOf(userId);
    breakOff();
    await expect(desk.opening.open(finding)).rejects.toThrow('died');
    await age(finding.caseId);
    await desk.settleCases();
    await desk.client.inStatus(orderId, userId, 'frozen');
    await until('the receiver knows', async () => receiver.of(finding.caseId).length > 0);
    expect((await caseOf(finding.caseId))?.isSettled).toBe(true);
  });

  it('between the decision and the thaw is completed by the schedule', async () => {
    const { orderId, saleId, finding } = await orderOf('cat');
    await desk.opening.open(finding);
    jest.spyOn(desk.product.get(OrderFreeze), 'thaw').mockImplementationOnce(crash);
    expect((await desk.decide(finding.caseId, 'dismiss')).status).toBeGreaterThanOrEqual(500);
    expect(await caseOf(finding.caseId)).toMatchObject({ status: 'dismissed', isSettled: false });
    await desk.settleCases();
    await desk.client.inStatus(orderId, 'cat', 'pending_payment');
    expect(await desk.client.atRest(saleId)).toMatchObject({ redis: { available: 9 } });
    expect((await caseOf(finding.caseId))?.isSettled).toBe(true);
  });

  it('between the decision and the thaw is completed by the same decision again', async () => {
    const { orderId, finding } = await orderOf('dan');
    await desk.opening.open(finding);
    jest.spyOn(desk.product.get(OrderFreeze), 'thaw').mockImplementationOnce(crash);
    await desk.decide(finding.caseId, 'dismiss');
    expect((await desk.decide(finding.caseId, 'dismiss')).status).toBe(200);
    await desk.client.inStatus(orderId, 'dan', 'pending_payment');
    expect(await desk.audited(finding.caseId)).toHaveLength(1);
  });

  it('between the ban and its orders is completed by the schedule', async () => {
    const { orderId, saleId, finding } = await orderOf('eve');
    await desk.opening.open(finding);
    jest.spyOn(desk.product.get(OrderFreeze), 'cancelFrozen').mockImplementationOnce(crash);
    await desk.decide(finding.caseId, 'ban');
    await desk.settleCases();
    expect((await desk.client.inStatus(orderId, 'eve', 'cancelled')).reason).toBe('BANNED');
    expect(await desk.client.atRest(saleId)).toMatchObject({ redis: { available: 10 } });
  });

  it('again and again keeps no other case waiting', async () => {
    const [broken, other] = [await orderOf('fay'), await orderOf('gil')];
    for (const { finding } of [broken, other]) await desk.opening.open(finding);
    const freeze = desk.product.get(OrderFreeze);
    const real = freeze.thaw.bind(freeze);
    const spy = jest.spyOn(freeze, 'thaw').mockImplementation(crash);
    for (const { finding } of [broken, other]) await desk.decide(finding.caseId, 'dismiss');
    spy.mockImplementation((ids, cause) =>
      ids.includes(broken.orderId) ? crash() : real(ids, cause));
    await desk.settleCases();
    await desk.client.inStatus(other.orderId, 'gil', 'pending_payment');
    expect((await desk.client.find(broken.orderId, 'fay')).body.status).toBe('frozen');
  });

  it('and is repeated tells the receiver under one id, and opens no second case', async () => {
    const { finding, saleId } = await orderOf('hal');
    for (let i = 0; i < 3; i += 1) await desk.opening.open(finding);
    await until('the receiver knows', async () => receiver.of(finding.caseId).length > 0);
    expect(await desk.product.get(RiskCaseStore).ofUser('hal')).toHaveLength(1);
    for (const { body } of receiver.of(finding.caseId)) {
      expect(JSON.parse(body)).toMatchObject({ data: { caseId: finding.caseId, saleId } });
    }
    expect(await desk.product.get(OrderFreeze).frozenOf('hal')).toHaveLength(1);
  });
});
