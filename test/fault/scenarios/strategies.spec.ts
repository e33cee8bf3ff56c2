import { scenario } from '../support/scenario';
import type { Stage } from '../support/stage';

const strategies = ['database-optimistic', 'database-row-lock', 'database-unit-rows',
  'segment-lock'] as const;

/** Units of the sale that the strategy has beside the counter, one by one or by segments. */
async function unitsBeside({ deployment, saleId }: Stage): Promise<number> {
  const connection = await deployment.connectDatabase();
  try {
    const [rows] = await connection.query(
      `SELECT (SELECT COUNT(rid) FROM stock_units WHERE sale_id = ?)
          + (SELECT COALESCE(SUM(allocated), 0) FROM stock_segments WHERE sale_id = ?) AS units`,
      [saleId, saleId]);
    return (rows as { units: number }[])[0]?.units ?? 0;
  } finally {
    await connection.end();
  }
}

for (const strategy of strategies) {
  const hasUnits = strategy === 'database-unit-rows' || strategy === 'segment-lock';
  scenario(`by ${strategy}: exactly, although who writes is killed, and then the database`, {
    row: `SIGKILL of an API process, then of MariaDB, strategy ${strategy}`,
    sale: { strategy, stock: 400 }, warmUp: 30,
  }, async (stage) => {
    const { deployment, crowd, servers, random } = stage;
    const [first] = deployment.processes('api');
    await stage.inject('an API process is killed', () => first?.end());
    await crowd.acknowledge(random.integer(5, 20));
    await deployment.start({ roles: 'api' });
    await stage.inject('MariaDB is killed', () => servers.killMariadb());
    await stage.pass(random.integer(0, 1_000));
    await stage.heal(() => servers.startMariadb());
  }, async (stage, { books: { database } }) => {
    expect(await unitsBeside(stage)).toBe(hasUnits ? database.allocated : 0);
  });
}

scenario('by tokens: as many tokens as units, although who sells is killed, and then Redis', {
  row: 'SIGKILL of an API process, then of Redis, strategy tokens', sale: { strategy: 'tokens' },
}, async (stage) => {
  const { deployment, crowd, servers, random, saleId } = stage;
  const [first] = deployment.processes('api');
  await stage.inject('an API process is killed', () => first?.end());
  await crowd.acknowledge(random.integer(5, 20));
  await deployment.start({ roles: 'api' });
  await stage.inject('Redis is killed', () => servers.killRedis());
  await stage.pass(random.integer(0, 1_000));
  await stage.heal(() => servers.startRedis());
  expect((await stage.client.stock(saleId)).consistent).toBe(true);
});
