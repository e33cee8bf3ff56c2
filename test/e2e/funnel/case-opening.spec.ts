import { Webhook } from 'standardwebhooks';
import { CaseDesk, everybodyIsRefused, harmless, reviewer, risky, rulesOfTests }
  from '../../support/case-desk';
import { expectProblem } from '../../support/expect-problem';
import { Receiver } from '../../support/receiver';
import { until } from '../../support/until';

const dayMs = 86_400_000;
const secret = `whsec_${Buffer.alloc(24, 9).toString('base64')}`;

describe('a buyer whom the risk rules refuse', () => {
  let receiver: Receiver;
  let desk: CaseDesk;

  beforeAll(async () => {
    receiver = await Receiver.start();
    desk = await CaseDesk.start({ NOTIFICATION_URLS: receiver.url, NOTIFICATION_SECRET: secret,
      NOTIFICATION_NETWORKS: '127.0.0.0/8' });
  });
  afterAll(async () => {
    await desk.stop();
    receiver.stop();
  });

  it('is told so without a word about rules, scores and signals', async () => {
    const saleId = await desk.openSale();
    const answer = await desk.client.buy(saleId, 'ann', risky);
    expectProblem(answer, 'RISK_REJECTED');
    expect(Object.keys(answer.body).sort())
      .toEqual(['code', 'detail', 'status', 'title', 'traceId', 'type']);
    expect(answer.text).not.toMatch(/asks-for|score|signal|rule|0\.\d|quantity/i);
  });

  it('is excluded for a day by a case with its evidence', async () => {
    const saleId = await desk.openSale();
    const found = await desk.findRisky(saleId, 'ben');
    expect(found).toMatchObject({ userId: 'ben', saleId, score: 0.8, status: 'open', evidence: {
      ip: '127.0.0.1', assessment: { findings: [{ rule: 'asks-for-3', score: 0.8 }],
        signals: { quantity: 3 } } } });
    const { body: entry } = await desk.entryOf('ben');
    expect(entry).toMatchObject({ createdBy: 'risk rules', reason: `High risk, case ${found.id}` });
    const lastsMs = Date.parse(entry.expiresAt ?? '') - Date.now();
    expect(lastsMs).toBeGreaterThan(dayMs - 600_000);
    expect(lastsMs).toBeLessThan(dayMs + 600_000);
    expectProblem(await desk.client.buy(saleId, 'ben', harmless), 'BLACKLISTED');
    expect(await desk.audited(entry.id))
      .toEqual([{ action: 'blacklist.put', actor: 'risk rules' }]);
  });

  it('loses his pending orders of every sale, and the units can be had by others', async () => {
    const [first, second] = [await desk.openSale({ stock: 4 }), await desk.openSale({ stock: 3 })];
    const orders = [await desk.client.order(first, 'cat', harmless),
      await desk.client.order(first, 'cat', harmless),
      await desk.client.order(second, 'cat', harmless)];
    const honest = await desk.client.order(first, 'dan', harmless);
    await desk.findRisky(first, 'cat');
    for (const { id } of orders) await desk.client.inStatus(id, 'cat', 'frozen');
    await desk.client.inStatus(honest.id, 'dan', 'pending_payment');
    expect(await desk.client.atRest(first)).toMatchObject({ redis: { available: 3, ordered: 1 },
      database: { allocated: 1, pendingPayment: 1 } });
    expect(await desk.client.atRest(second)).toMatchObject({ redis: { available: 3, ordered: 0 },
      database: { allocated: 0, pendingPayment: 0 } });
    for (const userId of ['eve', 'fay', 'gil']) await desk.client.order(second, userId, harmless);
  });

  it('keeps what he has paid, and cannot pay what is frozen', async () => {
    const saleId = await desk.openSale();
    const paid = await desk.client.order(saleId, 'hal', harmless);
    await desk.client.pay(paid.id, 'hal');
    const pending = await desk.client.order(saleId, 'hal', harmless);
    await desk.findRisky(saleId, 'hal');
    await desk.client.inStatus(pending.id, 'hal', 'frozen');
    await desk.client.inStatus(paid.id, 'hal', 'paid');
    expectProblem(await desk.client.startPayment(pending.id, 'hal'), 'ORDER_STATE_CONFLICT');
  });

  it('is reported to the receiver, signed, once for the case and once for the decision',
    async () => {
      const saleId = await desk.openSale();
      const { id } = await desk.findRisky(saleId, 'ida');
      const [opened] = await until('the receiver knows', async () =>
        receiver.of(id).length > 0 && receiver.of(id), 60_000);
      const headers = opened?.headers as Record<string, string>;
      const verifier = new Webhook(secret);
      expect(verifier.verify(opened?.body ?? '', headers)).toMatchObject(
        { type: 'risk.case.opened', data: { caseId: id, userId: 'ida', saleId, score: 0.8 } });
      expect(() => verifier.verify(`${opened?.body} `, headers)).toThrow();
      await desk.decide(id, 'ban');
      const [decided] = await until('the receiver knows', async () =>
        receiver.of(`${id}-decided`).length > 0 && receiver.of(`${id}-decided`), 60_000);
      expect(JSON.parse(decided?.body ?? '')).toMatchObject({ type: 'risk.case.decided',
        data: { caseId: id, userId: 'ida', status: 'banned' } });
      expect(receiver.of(id)).toHaveLength(1);
    }, 150_000);

  it('finds his earlier order when he retries with its key, however risky he is now', async () => {
    const saleId = await desk.openSale();
    const key = 'the-first-answer-was-lost';
    const order = await desk.client.order(saleId, 'jon', { key, quantity: 1 });
    await desk.putRules(everybodyIsRefused);
    const again = await desk.client.buy(saleId, 'jon', { key, quantity: 1 });
    expect([again.status, again.body.id]).toEqual([200, order.id]);
    expect(await desk.openCaseOf('jon')).toMatchObject({ userId: 'jon' });
    expectProblem(await desk.client.buy(saleId, 'jon', { key, quantity: 1 }), 'BLACKLISTED');
    await desk.putRules(rulesOfTests);
  });

  it('has no case that a viewer or he himself can see', async () => {
    const { id } = await desk.findRisky(await desk.openSale(), 'kim');
    for (const as of ['kim', { userId: 'guest', roles: ['viewer' as const] }]) {
      expectProblem(await desk.read(id, as), 'FORBIDDEN');
      expectProblem(await desk.decide(id, 'dismiss', as), 'FORBIDDEN');
    }
    expectProblem(await desk.read('case_nowhere', reviewer), 'NOT_FOUND');
    expectProblem(await desk.decide('case_nowhere', 'ban'), 'NOT_FOUND');
  });
});
