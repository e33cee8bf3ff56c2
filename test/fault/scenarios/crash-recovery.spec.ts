import { until } from '../../support/until';
import { dieAt } from '../support/crash';
import { scenario } from '../support/scenario';
import type { Stage } from '../support/stage';

const stock = 3_000;

const recoveryPoints = ['recovery-after-close', 'recovery-after-epoch',
  'recovery-during-load'] as const;

for (const point of recoveryPoints) {
  scenario(`S11: the recovering process dies at ${point}: another recovers from the start`,
    { row: `SIGKILL within S11 (${point})`, short: point === 'recovery-during-load',
      processes: ['api', 'worker'] },
    async (stage) => {
      const { deployment, servers } = stage;
      await stage.inject('Redis and the worker are killed', () =>
        Promise.all([...deployment.processes('worker').map((worker) => worker.end()),
          servers.killRedis()]));
      await servers.startRedis();
      await dieAt(stage, point, undefined, 'worker');
      await stage.heal(() => deployment.start({ roles: 'worker' }));
    });
}

/** A process that adjusts the stock dies between the sides; the same id completes it, once. */
async function adjust(stage: Stage, delta: number, between: () => Promise<void>): Promise<void> {
  const { saleId } = stage;
  await dieAt(stage, 'adjust-between-sides', async (dying) => {
    await expect(dying.client.adjust(saleId, delta, 'delivery')).rejects.toThrow();
  }, 'api');
  await between();
  await stage.heal(async () => {
    // While a recovery is under way he is told to come back.
    await until('the same id completes it', async () => {
      const { status } = await stage.client.adjust(saleId, delta, 'delivery');
      expect([200, 503]).toContain(status);
      return status === 200;
    });
    expect((await stage.client.adjust(saleId, delta, 'delivery')).status).toBe(200);
  });
}

const sides = [
  { delta: 50, left: 'an increase is in the database only' },
  { delta: -50, left: 'a decrease is in Redis only' },
];

for (const { delta, left } of sides) {
  scenario(`S12: ${left}: the same id completes it, once`,
    { row: `SIGKILL between the sides of S12 (${delta})`, sale: { stock } },
    (stage) => adjust(stage, delta, async () => undefined),
    (_stage, { books }) => { expect(books.database.total).toBe(stock + delta); });

  scenario(`S11 comes where ${left}: the same id completes it, once`,
    { row: `SIGKILL between the sides of S12 (${delta}), then S11`, sale: { stock } },
    (stage) => adjust(stage, delta, async () => {
      await stage.servers.killRedis();
      await stage.servers.startRedis();
      await stage.crowd.acknowledge(1);
    }),
    (_stage, { books }) => { expect(books.database.total).toBe(stock + delta); });
}

scenario('S12: a decrease is in Redis only, and nobody asks again: reconciliation brings it over',
  { row: 'SIGKILL between the sides of S12 (-50), then reconciliation', sale: { stock } },
  async (stage) => {
    const { saleId } = stage;
    await dieAt(stage, 'adjust-between-sides', async (dying) => {
      await expect(dying.client.adjust(saleId, -50, 'breakage')).rejects.toThrow();
    }, 'api');
    stage.crowd.hold();
    await stage.heal(async () => {
      await until('nothing is on its way', async () =>
        (await stage.client.stock(saleId)).inFlight === 0);
      await until('it is looked at while nothing moves', async () => {
        const { status, body } = await stage.client.reconcile(saleId);
        return status === 200 && body.items.every(({ moving }) => !moving);
      });
    });
    stage.crowd.rush();
  }, (_stage, { books }) => { expect(books.database.total).toBe(stock - 50); });
