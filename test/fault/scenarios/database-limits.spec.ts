import type { RowDataPacket } from 'mysql2';
import { saleKeys } from '../../../src/stock/sale-keys';
import { until } from '../../support/until';
import { CrowdedDatabase } from '../support/crowded-database';
import { scenario } from '../support/scenario';
import { SmallDisk } from '../support/small-disk';
import { isWhole, type Stage } from '../support/stage';

const sale = { stock: 8_000 };
const backlogUnits = 80;
/** Room for a new MariaDB, and a few thousand orders. */
const diskMegabytes = 200;

const disk = isWhole ? SmallDisk.mount(diskMegabytes) : undefined;
afterAll(() => disk?.unmount());

/** A product process says that the database refuses with this text. */
async function untilRefused({ deployment }: Stage, text: string): Promise<void> {
  await until(`a process is told "${text}"`, async () =>
    deployment.processes().some(({ output }) => output.includes(text)), 120_000);
}

scenario('others have all connections: orders wait for one, and nothing is lost',
  { row: 'MariaDB out of connections', sale }, async (stage) => {
    const { mariadb, deployment, crowd } = stage;
    await mariadb.refuse();
    const others = await CrowdedDatabase.fill(deployment.config.databaseUrl);
    await stage.inject('there is no connection left', () => mariadb.accept());
    const before = await others.refused();
    await until('the product was refused', async () => await others.refused() > before + 10);
    await crowd.acknowledge(60);
    await stage.pass(5_000);
    await stage.heal(() => others.leave());
  });

scenario('MariaDB becomes read-only, as after a fail-over, and writable again',
  { row: 'MariaDB read-only', sale }, async (stage) => {
    const { mariadb, deployment, crowd } = stage;
    const operator = await deployment.connectDatabase();
    const [[row]] = await operator.query<RowDataPacket[]>('SELECT CURRENT_USER() AS account');
    const account = String(row?.['account']).split('@').map((part) => `'${part}'`).join('@');
    // An administrator might write all the same; who is connected keeps his rights.
    await operator.query(`REVOKE READ ONLY ADMIN ON *.* FROM ${account}`);
    await stage.inject('it is read-only', async () => {
      await operator.query('SET GLOBAL read_only = ON');
      mariadb.cut();
    });
    await untilRefused(stage, 'read-only');
    await crowd.acknowledge(60);
    await stage.pass(5_000);
    await stage.heal(async () => {
      await operator.query('SET GLOBAL read_only = OFF');
      await operator.query(`GRANT READ ONLY ADMIN ON *.* TO ${account}`);
      await operator.end();
    });
  });

scenario('the disk of MariaDB is full: orders wait for room, and none is given up',
  { row: 'MariaDB disk full', sale: { stock: 20_000 }, ...(disk
    ? { servers: { mariadbFolder: disk.folder, mariadb: ['--innodb-log-file-size=8M'] } }
    : { obstacle: 'a tmpfs may not be mounted here' }) },
  async (stage) => {
    await stage.inject('the disk is full', () => disk?.fill());
    stage.crowd.rush(); // its files have room for a thousand orders and more
    await untilRefused(stage, 'is full');
    await stage.crowd.acknowledge(60);
    await stage.pass(10_000);
    await stage.heal(() => {
      disk?.free();
      return stage.servers.reviveMariadb();
    });
  }, (_stage, { books }) => {
    expect(books.rows.filter(({ status }) => status === 'rejected')).toEqual([]);
  });

scenario('as much is held without an order as may be: buyers are told to come back, and do',
  { row: 'BACKLOG_PER_SALE reached', sale, environment: { BACKLOG_PER_SALE: `${backlogUnits}` } },
  async (stage) => {
    const { servers, deployment, saleId, crowd } = stage;
    await stage.inject('MariaDB is down', () => servers.killMariadb());
    crowd.rush();
    let buyers = 0;
    await until('a buyer is told to come back', async () => {
      buyers += 1; // another one each time: whoever has bought is told of his limit
      const { status, body, headers } = await stage.client.buy(saleId, `late-buyer-${buyers}`);
      return status === 503 && body.code === 'TEMPORARILY_UNAVAILABLE' && headers['retry-after'];
    });
    await crowd.tried(50);
    const { meta } = saleKeys(deployment.config.redisNamespace, saleId);
    const held = Number(await deployment.redis.hget(meta, 'reserved'));
    expect(held).toBeGreaterThanOrEqual(backlogUnits);
    expect(held).toBeLessThan(backlogUnits + 2); // one buyer more, who takes two
    await stage.heal(() => servers.startMariadb());
  });
