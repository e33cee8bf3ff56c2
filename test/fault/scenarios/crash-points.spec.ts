import type { Failpoint } from '../../../src/infra/failpoint';
import { until } from '../../support/until';
import { dieAt } from '../support/crash';
import { scenario } from '../support/scenario';

/** From the press on "Buy" to the end of an order, in the words of docs/protocol.md. */
const points: readonly { point: Failpoint; between: string; changes?: object }[] = [
  { point: 'reserve-before-script', between: 'S1–S2' },
  { point: 'reserve-before-reply', between: 'S2–S3' },
  { point: 'relay-before-queue', between: 'S3–S4' },
  { point: 'relay-before-acknowledge', between: 'inside S4' },
  { point: 'writer-before-commit', between: 'S4–S5' },
  { point: 'writer-in-transaction', between: 'inside S5' },
  { point: 'writer-after-commit', between: 'S5–S6' },
  { point: 'pay-before-settle', between: 'S7–S8, paid' },
  { point: 'cancelled-before-release', between: 'S7–S8, cancelled' },
  { point: 'expired-before-release', between: 'S7–S8, expired', changes: { payWindowSeconds: 3 } },
];
/** Enough to sell until the last of them has started, however long it takes, and died. */
const stock = 6_000;

scenario('processes die at four steps of an order at once: others finish it, once',
  { row: 'SIGKILL at four points from S2 to S8 at once', short: true, sale: { stock } },
  async (stage) => {
    const fatal = ['reserve-before-reply', 'relay-before-acknowledge', 'writer-after-commit',
      'cancelled-before-release'] as const;
    await Promise.all(fatal.map((point) => dieAt(stage, point)));
    await stage.heal(() => undefined);
  });

for (const { point, between, changes } of points) {
  scenario(`${between}: a process dies at ${point}: others finish what it began, once`,
    { row: `SIGKILL ${between} (${point})`, sale: { stock, ...changes } }, async (stage) => {
      await dieAt(stage, point);
      await stage.heal(() => undefined);
    });
}

scenario('S7–S8: the row is refunded, Redis says sold: the units come back, once',
  { row: 'SIGKILL S7–S8, refunded (refunded-before-release)', sale: { stock } },
  async (stage) => {
    const { saleId, client } = stage;
    const { body: { id } } = await client.buy(saleId, 'alice');
    await until('the order has a row', async () =>
      (await client.find(id, 'alice')).body.status === 'pending_payment', 60_000);
    const { paymentId, amount } = await client.pay(id, 'alice');
    const report = ['refund.succeeded', { orderId: id, paymentId, ...amount }, 'msg_1'] as const;
    await dieAt(stage, 'refunded-before-release', async (dying) => {
      await expect(dying.client.report(...report)).rejects.toThrow();
    });
    await stage.heal(async () => {
      expect((await client.report(...report)).status).toBe(200);
      await client.inStatus(id, 'alice', 'refunded');
    });
  });
