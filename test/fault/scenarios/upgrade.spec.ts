import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { saleKeys } from '../../../src/stock/sale-keys';
import { until } from '../../support/until';
import { buildWithOtherScripts } from '../support/other-build';
import { scenario } from '../support/scenario';
import type { Stage } from '../support/stage';

/** Purchases that the scripts of the other build have let in. */
async function soldByNext({ deployment: { config, redis }, saleId }: Stage): Promise<number> {
  return Number(await redis.hget(saleKeys(config.redisNamespace, saleId).meta, 'byNext'));
}

scenario('processes are replaced one by one by those of a build whose scripts write more, and back',
  { row: 'Rolling restart, old and new scripts', sale: { stock: 5_000 } },
  async (stage) => {
    const { deployment, servers, random, crowd } = stage;
    const folder = join(servers.folder, `build-${random.integer(0, 1e9)}`);
    mkdirSync(folder);
    const program = buildWithOtherScripts(folder);
    await stage.inject('every process is replaced', async () => {
      for (const process of deployment.processes()) {
        await deployment.start({ program });
        const before = await soldByNext(stage);
        await until('both builds sell', async () => await soldByNext(stage) > before);
        await crowd.acknowledge(random.integer(1, 30));
        const end = await process.end('SIGTERM');
        if (end !== 'exit code 0') throw new Error(`It ended (${end}):\n${process.output}`);
      }
    });
    await stage.heal(async () => {
      const [first] = deployment.processes();
      await deployment.start();
      await first?.end('SIGTERM');
    });
  }, (_stage, { books }) => {
    expect(books.rows.filter(({ status }) => status === 'rejected')).toEqual([]);
  });
