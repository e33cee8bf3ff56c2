import type { RowDataPacket } from 'mysql2';
import { until } from '../../support/until';
import { withClockOff } from '../support/preload/preload';
import { scenario } from '../support/scenario';
import type { Stage } from '../support/stage';

const hourMs = 3_600_000;

/** How many orders have this to be said of them. */
async function orders({ deployment, saleId }: Stage, condition: string): Promise<number> {
  const database = await deployment.connectDatabase();
  const [rows] = await database.query<RowDataPacket[]>(
    `SELECT COUNT(*) AS orders FROM orders WHERE sale_id = ? AND ${condition}`, [saleId]);
  await database.end();
  return Number(rows[0]?.['orders']);
}

/** Whether no process has taken the next sweep with it into its future. */
async function areSweepsDue({ deployment: { redis, config } }: Stage): Promise<boolean> {
  const next = await redis.zrange(`{${config.redisNamespace}-order-sweeps}:order-sweeps:repeat`,
    0, '-1', 'WITHSCORES');
  return next.length > 0
    && next.every((text, index) => index % 2 === 0 || Number(text) < Date.now() + 60_000);
}

for (const [sign, shiftMs] of [['ahead', hourMs], ['behind', -hourMs]] as const) {
  scenario(`the clock of one process is an hour ${sign}: nothing ends early, nor late after it`,
    { row: `Clock of one process 1 h ${sign}`, sale: { stock: 3_000, payWindowSeconds: 5 } },
    async (stage) => {
      const { deployment, crowd } = stage;
      const off = await deployment.start({ environment: withClockOff(shiftMs) });
      await stage.inject('a process joins whose clock is off', async () => {
        const { status } = await off.client.report('payment.succeeded', {});
        expect(status).toBe(401); // signed an hour before or after its time
      });
      await crowd.acknowledge(60);
      await until('orders have expired beside it', async () =>
        await orders(stage, "status = 'expired'") > 0, 60_000);
      await stage.heal(() => off.end());
    },
    async (stage) => {
      expect(await orders(stage, "status = 'expired' AND closed_at < expires_at")).toBe(0);
      await until('the last order that nobody paid has expired', async () =>
        await orders(stage, "status = 'pending_payment'") === 0, 45_000);
      await until('the sweeps come in time again', () => areSweepsDue(stage), 45_000);
    });
}
