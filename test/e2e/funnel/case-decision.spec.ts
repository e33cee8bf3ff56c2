import { CaseDesk, harmless, risky } from '../../support/case-desk';
import { admin } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { earn } from '../../support/proofs';

describe('a reviewer', () => {
  let desk: CaseDesk;

  beforeAll(async () => { desk = await CaseDesk.start(); });
  afterAll(() => desk.stop());

  /** A case of a buyer with so many frozen orders of one unit, in a sale of 10. */
  async function caseWith(userId: string, orderCount: number, stock = 10) {
    const saleId = await desk.openSale({ stock });
    const orderIds: string[] = [];
    for (let i = 0; i < orderCount; i += 1) {
      orderIds.push((await desk.client.order(saleId, userId, harmless)).id);
    }
    return { ...await desk.findRisky(saleId, userId), orderIds };
  }
  const idsOf = (orders: readonly { id: string }[]) => orders.map(({ id }) => id).sort();

  it('sees what the user has ordered, and his earlier cases', async () => {
    const first = await caseWith('ann', 2);
    await desk.decide(first.id, 'ban');
    await desk.client.call('DELETE', '/admin/v1/blacklist/user/ann', { as: admin });
    const { id } = await desk.client.order(first.saleId, 'ann', harmless);
    const second = desk.findingOf('ann', first.saleId);
    await desk.opening.open(second);
    const { body } = await desk.read(second.caseId);
    expect(idsOf(body.orders)).toEqual([...first.orderIds, id].sort());
    expect(body.earlierCases).toMatchObject([{ id: first.id, status: 'banned' }]);
    expect((await desk.read(first.id)).body.earlierCases).toEqual([]);
  });

  it('who dismisses gives the orders back, with a new time to pay, and lets the buyer in again',
    async () => {
      const { id, saleId, orderIds } = await caseWith('ben', 2);
      const { status, body } = await desk.decide(id, 'dismiss');
      expect([status, body.status, body.decidedBy]).toEqual([200, 'dismissed', 'reviewer']);
      expect(idsOf(body.thawed)).toEqual([...orderIds].sort());
      expect(body.cancelled).toEqual([]);
      expect((await desk.entryOf('ben')).status).toBe(404);
      for (const orderId of orderIds) {
        const { body: order } = await desk.client.find(orderId, 'ben');
        expect(order.status).toBe('pending_payment');
        expect(Date.parse(order.payBefore ?? '') - Date.now()).toBeGreaterThan(600_000);
      }
      await desk.client.pay(orderIds[0] ?? '', 'ben');
      await desk.client.order(saleId, 'ben', harmless);
      expect(await desk.client.atRest(saleId)).toMatchObject(
        { redis: { available: 7, ordered: 2, sold: 1 }, database: { allocated: 3 } });
    });

  it('who dismisses when the units are gone cancels the order, and its buyer is told why',
    async () => {
      const { id, saleId, orderIds: [orderId = ''] } = await caseWith('cat', 1, 1);
      await desk.client.order(saleId, 'dan', harmless);
      const { body } = await desk.decide(id, 'dismiss');
      expect(body).toMatchObject({ status: 'dismissed', thawed: [],
        cancelled: [{ id: orderId, status: 'cancelled', reason: 'UNITS_GONE' }] });
      expect((await desk.client.find(orderId, 'cat')).body)
        .toMatchObject({ status: 'cancelled', reason: 'UNITS_GONE' });
      expect(await desk.client.atRest(saleId)).toMatchObject({ redis: { available: 0 } });
    });

  it('who dismisses does not lift what an operator has decided himself', async () => {
    const { id, saleId } = await caseWith('eve', 0);
    await desk.client.call('PUT', '/admin/v1/blacklist/user/eve',
      { as: admin, body: { reason: 'Known scalper' } });
    expect((await desk.decide(id, 'dismiss')).status).toBe(200);
    expect((await desk.entryOf('eve')).body).toMatchObject(
      { createdBy: 'operator', reason: 'Known scalper' });
    expectProblem(await desk.client.buy(saleId, 'eve', harmless), 'BLACKLISTED');
  });

  it('who dismisses is not overruled by the next attempt: a captcha, and no new case', async () => {
    const { id, saleId, orderIds: [orderId = ''] } = await caseWith('fay', 1);
    await desk.decide(id, 'dismiss');
    expectProblem(await desk.client.buy(saleId, 'fay', risky), 'CAPTCHA_REQUIRED');
    // Another process may report him, too.
    expect(await desk.opening.open(desk.findingOf('fay', saleId))).toBeUndefined();
    const headers = { 'x-captcha-token': await earn(desk.product, 'captcha token', saleId, 'fay') };
    await desk.client.order(saleId, 'fay', { ...harmless, headers });
    await desk.client.inStatus(orderId, 'fay', 'pending_payment');
  });

  it('who bans excludes for ever and cancels what was frozen; the units stay on sale', async () => {
    const { id, saleId, orderIds } = await caseWith('gil', 2);
    const { body } = await desk.decide(id, 'ban');
    expect(body).toMatchObject({ status: 'banned', thawed: [] });
    expect(idsOf(body.cancelled)).toEqual([...orderIds].sort());
    const { body: entry } = await desk.entryOf('gil');
    expect(entry).toMatchObject({ createdBy: 'reviewer', reason: `Banned, case ${id}` });
    expect(entry.expiresAt).toBeUndefined();
    for (const orderId of orderIds) {
      expect((await desk.client.find(orderId, 'gil')).body)
        .toMatchObject({ status: 'cancelled', reason: 'BANNED' });
    }
    expectProblem(await desk.client.buy(saleId, 'gil', harmless), 'BLACKLISTED');
    expect(await desk.client.atRest(saleId)).toMatchObject(
      { redis: { available: 10 }, database: { allocated: 0 } });
  });

  it.each(['dismiss', 'ban'] as const)(
    'may %s twice, moves nothing the second time, and is audited once', async (decision) => {
      const { id, saleId } = await caseWith(`twice-${decision}`, 1);
      await desk.decide(id, decision);
      const before = await desk.client.atRest(saleId);
      const again = await desk.decide(id, decision, admin);
      expect([again.status, again.body.decidedBy, again.body.thawed, again.body.cancelled])
        .toEqual([200, 'reviewer', [], []]);
      const { redis, database } = await desk.client.atRest(saleId);
      expect({ redis, database }).toEqual({ redis: before.redis, database: before.database });
      expect(await desk.audited(id))
        .toEqual([{ action: `risk.${decision}`, actor: 'reviewer' }]);
    });

  it.each([['dismiss', 'ban'], ['ban', 'dismiss']] as const)(
    'who said %s cannot say %s', async (decision, other) => {
      const userId = `first-${decision}`;
      const { id } = await caseWith(userId, 1);
      const { body: { status } } = await desk.decide(id, decision);
      expectProblem(await desk.decide(id, other), 'CASE_STATE_CONFLICT');
      expect((await desk.read(id)).body.status).toBe(status);
      expect((await desk.entryOf(userId)).status).toBe(decision === 'ban' ? 200 : 404);
    });

  it('and nine others decide at once: one decision counts, and the orders follow it', async () => {
    const { id, saleId, orderIds: [orderId = ''] } = await caseWith('hal', 1);
    const answers = await Promise.all(Array.from({ length: 10 }, (_, index) =>
      desk.decide(id, index % 2 === 0 ? 'ban' : 'dismiss')));
    const { body: { status } } = await desk.read(id);
    expect(answers.filter(({ body }) => body.status === status)).toHaveLength(5);
    expect(answers.filter(({ body }) => body.code === 'CASE_STATE_CONFLICT')).toHaveLength(5);
    await desk.client.inStatus(orderId, 'hal',
      status === 'banned' ? 'cancelled' : 'pending_payment');
    expect((await desk.client.atRest(saleId)).redis.available).toBe(status === 'banned' ? 10 : 9);
    expect(await desk.audited(id)).toHaveLength(1);
  });
});
