import { mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../support/until';
import { errorsOf } from '../support/redis-errors';
import { scenario } from '../support/scenario';
import { SmallDisk } from '../support/small-disk';
import { isWhole, type Stage } from '../support/stage';

const disk = isWhole ? SmallDisk.mount(32) : undefined;
const onDisk = disk ? { servers: { redisFolder: disk.folder } }
  : { obstacle: 'this process may not mount a disk' };

// Each begins with a file of its own.
afterEach(() => disk?.empty());
afterAll(() => disk?.unmount());

scenario('the disk of Redis is full: it takes nothing that it cannot keep, and goes on with room',
  { row: 'Redis: its disk is full', ...onDisk }, async (stage) => {
    await fill(stage);
    await stage.heal(() => disk?.free());
  });

scenario('the disk of Redis is full when it dies: what its file ends with does no harm',
  { row: 'Redis: its disk is full, then kill -9', mayLose: true, ...onDisk }, async (stage) => {
    await fill(stage);
    await stage.servers.killRedis();
    disk?.free();
    await stage.heal(() => stage.servers.startRedis());
  });

scenario('Redis cannot save a snapshot and refuses to write: it goes on when it can',
  { row: 'Redis: snapshots fail (MISCONF)', servers: { redis: ['--save', '1 1'] } },
  async (stage) => {
    const { servers, deployment: { redis } } = stage;
    const snapshot = join(servers.folder, 'redis/data/dump.rdb');
    await stage.inject('a folder has the name of its snapshot', async () => {
      rmSync(snapshot, { force: true });
      mkdirSync(snapshot);
      // One that is under way would be renamed before.
      await until('a snapshot fails', async () =>
        /^rdb_last_bgsave_status:err/m.test(await redis.info('persistence')));
    });
    await refusesWrites(stage);
    await stage.heal(() => { rmdirSync(snapshot); });
  });

scenario('Redis cannot rewrite its append-only file: it goes on, and comes back from its parts',
  { row: 'Redis: rewrites of its file fail, then kill -9', servers: {} }, async (stage) => {
    const { servers, deployment: { redis }, crowd } = stage;
    const file = join(servers.folder, 'redis/data/appendonlydir/appendonly.aof.2.base.rdb');
    await stage.inject('a folder has the name of its next file', async () => {
      mkdirSync(file);
      await redis.bgrewriteaof();
      await until('a rewrite fails', async () =>
        /^aof_last_bgrewrite_status:err/m.test(await redis.info('persistence')));
    });
    await crowd.acknowledge(30);
    await servers.killRedis();
    await stage.heal(async () => {
      rmdirSync(file);
      await servers.startRedis();
    });
    await redis.bgrewriteaof();
    await until('a rewrite succeeds', async () =>
      /^aof_last_bgrewrite_status:ok/m.test(await redis.info('persistence')));
  });

async function fill(stage: Stage): Promise<void> {
  await stage.inject('its disk is full', () => disk?.fill());
  await refusesWrites(stage);
}

/** Waits until Redis does, then sees that a buyer is told to come back. */
async function refusesWrites({ deployment: { redis }, client, saleId, crowd }: Stage) {
  await until('Redis refuses to write', async () => await errorsOf(redis, 'MISCONF') > 0, 30_000);
  const { status, body } = await client.buy(saleId, 'alice');
  expect([status, body.code]).toEqual([503, 'TEMPORARILY_UNAVAILABLE']);
  await crowd.tried(20);
}
