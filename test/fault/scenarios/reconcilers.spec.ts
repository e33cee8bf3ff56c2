import { until } from '../../support/until';
import { scenario } from '../support/scenario';
import type { Stage } from '../support/stage';

const settings = { sale: { stock: 3_000 } };

interface Run {
  items: { rebuilt: boolean; driftAfter: number; consistentAfter: boolean }[];
}

/** Two processes reconcile at the same time. Resolves to what became of both. */
async function reconcileTwice({ deployment, saleId }: Stage) {
  const answers = await Promise.all(deployment.processes('api').map(({ client }) =>
    client.askToReconcile(saleId)));
  return answers.map(({ status, body }) => ({ status, run: body as unknown as Run }));
}

scenario('two reconcile at once, again and again, amid a crowd: nothing that moves is touched',
  { row: 'Two reconcilers at once under load', ...settings }, async (stage) => {
    const statuses = new Set<number>();
    await stage.inject('two reconcile', async () => {
      // Until they have met: who comes while the other is at it is told to come back.
      for (let round = 0; round < 10 || (statuses.size < 2 && round < 200); round += 1) {
        for (const { status, run } of await reconcileTwice(stage)) {
          statuses.add(status);
          if (status !== 200) continue;
          expect(run.items)
            .toMatchObject([{ rebuilt: false, driftAfter: 0, consistentAfter: true }]);
        }
      }
    });
    expect([...statuses].sort()).toEqual([200, 503]);
    await stage.heal(() => undefined);
  });

scenario('a process freezes while it reconciles: another one takes over, and it may go on late',
  { row: 'SIGSTOP of a reconciler, late return', ...settings },
  async (stage) => {
    const { deployment, saleId, crowd } = stage;
    const [frozen, other] = deployment.processes('api');
    if (!frozen || !other) throw new Error('Two processes are needed');
    const otherStatus = async () => (await other.client.askToReconcile(saleId)).status;
    await stage.inject('a reconciler is frozen', () => until('it has the lock', async () => {
      void frozen.client.askToReconcile(saleId).catch(() => undefined);
      await crowd.tried(1);
      frozen.signal('SIGSTOP');
      if (await otherStatus() === 503) return true;
      frozen.signal('SIGCONT');
      return false;
    }, 60_000));
    await until('another one reconciles', async () => await otherStatus() === 200, 60_000);
    await stage.heal(() => { frozen.signal('SIGCONT'); });
    await until('it reconciles again', async () =>
      (await frozen.client.askToReconcile(saleId)).status === 200, 60_000);
  });
