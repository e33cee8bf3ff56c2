import { until } from '../../support/until';
import type { Stage } from '../support/stage';
import { scenario } from '../support/scenario';

for (const outage of [3, 15, 60]) {
  scenario(`Redis is killed for ${outage} s: the sale reopens by itself, and nothing is lost`,
    { row: `Redis kill -9, ${outage} s`, short: outage === 3 },
    async (stage) => {
      await killRedis(stage);
      await stage.pass(outage * 1_000);
      await stage.heal(() => stage.servers.startRedis());
    });

  scenario(`Redis is killed for ${outage} s: meanwhile the database sells, and gives the sale back`,
    { row: `Redis kill -9, ${outage} s, sale in the database meanwhile`,
      sale: { redisOutage: 'database' }, environment: { REDIS_OUTAGE_SECONDS: '1' } },
    async (stage) => {
      await killRedis(stage);
      await until('the database sells', async () => await gateOf(stage) === 'database');
      await stage.crowd.acknowledge(30);
      await stage.pass(Math.max(0, outage - 3) * 1_000);
      await stage.heal(() => stage.servers.startRedis());
    }, async (stage) => { expect(await gateOf(stage)).toBe('redis'); });
}

scenario('Redis is killed again and again, often while the sale is being recovered',
  { row: 'Redis kill -9, five times in a row' }, async (stage) => {
    const { servers, random, crowd } = stage;
    for (let kills = 1; kills <= 5; kills += 1) {
      await killRedis(stage);
      await stage.heal(() => servers.startRedis());
      // Sometimes a recovery is under way when the next kill comes, sometimes buyers buy again.
      if (random.chance(0.5)) await crowd.acknowledge(random.integer(1, 20));
      else await stage.pass(random.integer(0, 1_500));
    }
  });

/** Kills it at some moment, and sees that it is dead. */
async function killRedis(stage: Stage): Promise<void> {
  await stage.pass(stage.random.integer(0, 300));
  await stage.inject('Redis is killed', () => stage.servers.killRedis());
  await until('the operator is cut off', async () => stage.deployment.redis.status !== 'ready');
}

async function gateOf({ deployment, saleId }: Stage): Promise<string | undefined> {
  const connection = await deployment.connectDatabase();
  const [rows] = await connection.query('SELECT gate FROM sale_stock WHERE sale_id = ?', [saleId]);
  await connection.end();
  return (rows as { gate: string }[])[0]?.gate;
}
