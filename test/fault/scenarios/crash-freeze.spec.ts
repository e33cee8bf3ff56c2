import type { OrderStatus } from '../../../src/stock';
import { harmless, reviewer, risky, rulesOfTests, type CaseAnswer } from '../../support/case-desk';
import { until } from '../../support/until';
import { dieAt } from '../support/crash';
import { scenario } from '../support/scenario';
import type { Stage } from '../support/stage';

/** Shoppers are never risky by these. */
const rules = { ...rulesOfTests,
  rules: rulesOfTests.rules.filter(({ when }) => when.all[0]?.value === risky.quantity) };
const sale = { stock: 3_000, limitPerUser: 6, protection: { risk: 'on' } };
const as = reviewer;
const patienceMs = 60_000;

/** An order of alice who is under suspicion by now. Resolves to its id. */
async function suspicion(stage: Stage): Promise<string> {
  const { client, saleId } = stage;
  await client.call('PUT', '/admin/v1/risk/rules', { as, body: rules });
  const { body: { id } } = await client.buy(saleId, 'alice', harmless);
  await becomes(stage, id, 'pending_payment');
  const { body } = await client.buy(saleId, 'alice', risky);
  expect(body.code).toBe('RISK_REJECTED');
  return id;
}

function becomes({ client }: Stage, id: string, status: OrderStatus): Promise<boolean> {
  return until(`the order is ${status}`, async () =>
    (await client.find(id, 'alice')).body.status === status, patienceMs);
}

function caseOf({ client }: Stage): Promise<CaseAnswer> {
  return until('there is a case', async () => {
    const { body } = await client.call<{ items: CaseAnswer[] }>('GET',
      '/admin/v1/risk/cases?status=open', { as });
    return body.items.find(({ userId }) => userId === 'alice');
  }, patienceMs);
}

scenario('S13: the row is frozen, Redis still holds the unit: it is on sale again, once',
  { row: 'SIGKILL within S13 (frozen-before-release)', sale, processes: ['api'],
    warmUp: 0 }, async (stage) => {
    let id = '';
    await dieAt(stage, 'frozen-before-release', async () => { id = await suspicion(stage); },
      'worker');
    await stage.heal(() => stage.deployment.start({ roles: 'worker' }));
    await becomes(stage, id, 'frozen');
  });

for (const point of ['thaw-before-commit', 'thaw-after-commit'] as const) {
  scenario(`S13: a process dies at ${point}: the order is thawed, once`,
    { row: `SIGKILL within S13 (${point})`, sale }, async (stage) => {
      const id = await suspicion(stage);
      const { id: caseId } = await caseOf(stage);
      await becomes(stage, id, 'frozen');
      const decision = ['POST', `/admin/v1/risk/cases/${caseId}/decision`,
        { as, body: { decision: 'dismiss' } }] as const;
      await dieAt(stage, point, async (dying) => {
        await expect(dying.client.call(...decision)).rejects.toThrow();
      }, 'api');
      await stage.heal(async () => {
        expect((await stage.client.call(...decision)).status).toBe(200);
      });
    }, (_stage, { books }) => {
      expect(books.rows.filter(({ user_id: userId }) => userId === 'alice'))
        .toMatchObject([{ status: 'pending_payment' }]);
    });
}
