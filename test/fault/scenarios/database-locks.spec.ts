import { createConnection } from 'mysql2/promise';
import { DeadlockStorm, RowHolder } from '../support/other-transactions';
import { scenario } from '../support/scenario';
import { isWhole, type Stage } from '../support/stage';

const sale = { stock: 8_000 };
/** In full for longer than the product waits for the answer to a statement. */
const silenceSeconds = isWhole ? 40 : 4;

/** How long somebody who connects the way the product does has to wait until he knows 1. */
async function askedMs({ mariadb, deployment }: Stage, patienceMs: number): Promise<number> {
  const startedMs = performance.now();
  const url = new URL(deployment.config.databaseUrl);
  const connection = await createConnection({ host: url.hostname, user: url.username,
    port: mariadb.port, connectTimeout: patienceMs });
  await connection.query('SELECT 1');
  connection.destroy();
  return performance.now() - startedMs;
}

scenario('another program holds the stock for longer than a lock is waited for: late, not lost',
  { row: 'Lock waits: another program holds the stock', sale }, async (stage) => {
    const { random, saleId } = stage;
    const holder = await RowHolder.connect(stage.deployment);
    // The first ends before the product gives up waiting, the second after that.
    for (const ms of [1_000, 6_500, random.integer(500, 7_000)]) {
      await stage.inject('the stock is locked', () => holder.holdStock(saleId));
      await holder.untilInTheWay();
      await stage.pass(ms);
      await stage.heal(() => holder.release());
      await stage.pass(random.integer(0, 500));
    }
    await holder.end();
  });

scenario('another program holds all unpaid orders: payments and cancellations come through later',
  { row: 'Lock waits: another program holds the orders', sale }, async (stage) => {
    const holder = await RowHolder.connect(stage.deployment);
    for (let holds = 0; holds < 3; holds += 1) {
      await stage.inject('orders are locked', () => holder.holdUnpaid(stage.saleId));
      await holder.untilInTheWay();
      await stage.pass(stage.random.integer(1_000, 6_500));
      await stage.heal(() => holder.release());
      await stage.pass(stage.random.integer(0, 500));
    }
    await holder.end();
  });

scenario('others lock the stock before orders, the wrong way round: who is given up tries again',
  { row: 'Deadlock storm', sale }, async (stage) => {
    let storm: DeadlockStorm | undefined;
    await stage.inject('a storm begins', async () => {
      storm = await DeadlockStorm.start(stage.deployment, stage.saleId, 3);
    });
    await stage.pass(isWhole ? 20_000 : 4_000);
    await stage.heal(async () => expect(await storm?.stop()).toBeGreaterThan(0));
  });

scenario('MariaDB is slow: purchases are not, orders come late',
  { row: 'MariaDB slow (50 to 500 ms)', sale }, async (stage) => {
    await stage.inject('MariaDB is slow', () => { stage.mariadb.delay([50, 500]); });
    expect(await askedMs(stage, 10_000)).toBeGreaterThan(200);
    await stage.crowd.acknowledge(60);
    await stage.pass(10_000);
    await stage.heal(() => { stage.mariadb.delay(0); });
  });

scenario('MariaDB hangs: purchases go on, and what it was asked is done or asked again',
  { row: `MariaDB hangs (SIGSTOP), ${silenceSeconds} s`, sale: { stock: 20_000 } },
  async (stage) => {
    await stage.inject('MariaDB is frozen', () => { stage.servers.freezeMariadb(); });
    await expect(askedMs(stage, 500)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    await stage.crowd.acknowledge(30);
    await stage.pass(silenceSeconds * 1_000);
    await stage.heal(() => { stage.servers.thawMariadb(); });
  });

scenario('the way to MariaDB is half open: what arrives late changes nothing that was done since',
  { row: `MariaDB half open, ${silenceSeconds} s`, sale: { stock: 20_000 } }, async (stage) => {
    await stage.inject('nothing comes through', () => { stage.mariadb.hang(); });
    await expect(askedMs(stage, 500)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    await stage.crowd.acknowledge(30);
    await stage.pass(silenceSeconds * 1_000);
    await stage.heal(() => { stage.mariadb.flow(); });
  });
