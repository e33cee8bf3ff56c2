import { dieAt } from '../support/crash';
import { scenario } from '../support/scenario';
import type { Stage } from '../support/stage';

const settings = {
  sale: { stock: 3_000, redisOutage: 'database' },
  environment: { REDIS_OUTAGE_SECONDS: '1' },
  processes: ['api', 'worker'],
} as const;

async function comeBack({ servers, deployment }: Stage): Promise<void> {
  await servers.startRedis();
  if (deployment.processes('worker').length === 0) await deployment.start({ roles: 'worker' });
}

scenario('the process dies that has just switched a sale to the database: the sale goes on there',
  { row: 'SIGKILL after the switch to the database', ...settings }, async (stage) => {
    const { deployment, servers, crowd } = stage;
    await dieAt(stage, 'database-mode-after-switch', async () => {
      await Promise.all(deployment.processes('worker').slice(0, 1).map((worker) => worker.end()));
      await servers.killRedis();
    }, 'worker');
    await crowd.acknowledge(60);
    await stage.heal(() => comeBack(stage));
  });

for (const point of ['direct-before-commit', 'direct-after-commit'] as const) {
  scenario(`a process that sells from the database dies at ${point}: no unit is lost or sold twice`,
    { row: `SIGKILL in database mode (${point})`, ...settings }, async (stage) => {
      await dieAt(stage, point, () => stage.servers.killRedis(), 'api');
      await stage.crowd.acknowledge(60);
      await stage.heal(() => comeBack(stage));
    });
}
