import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { buildWithOtherScripts } from '../support/other-build';
import { scenario } from '../support/scenario';
import type { Stage } from '../support/stage';

/** What src/main.ts allows for closing, and a little more. */
const stopPatienceMs = 26_000;

/** How many scripts Redis has kept. */
async function keptScripts({ deployment: { redis } }: Stage): Promise<number> {
  const memory = await redis.info('memory');
  return Number(/number_of_cached_scripts:(\d+)/.exec(memory)?.[1]);
}

scenario('processes are replaced one by one by those of a build with other scripts, and back',
  { row: 'Rolling restart, old and new scripts', sale: { stock: 5_000 }, timeoutSeconds: 240 },
  async (stage) => {
    const { deployment, servers, random, crowd } = stage;
    const folder = join(servers.folder, `build-${random.integer(0, 1e9)}`);
    mkdirSync(folder);
    const program = buildWithOtherScripts(folder);
    const before = await keptScripts(stage);
    await stage.inject('every process is replaced', async () => {
      for (const process of deployment.processes()) {
        await deployment.start({ program });
        await crowd.acknowledge(random.integer(1, 30));
        const startedAt = performance.now();
        const end = await process.end('SIGTERM');
        if (end !== 'exit code 0') throw new Error(`It ended (${end}):\n${process.output}`);
        expect(performance.now() - startedAt).toBeLessThan(stopPatienceMs);
      }
    });
    expect(await keptScripts(stage)).toBeGreaterThan(before);
    await stage.heal(async () => {
      const [first] = deployment.processes();
      await deployment.start();
      await first?.end('SIGTERM');
    });
  }, (_stage, { books }) => {
    expect(books.rows.filter(({ status }) => status === 'rejected')).toEqual([]);
  });
