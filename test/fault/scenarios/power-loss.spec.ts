import { join } from 'node:path';
import { MortalDisk } from '../support/mortal-disk';
import { scenario } from '../support/scenario';
import { isWhole, type Stage } from '../support/stage';

type Server = 'Redis' | 'MariaDB';

const sale = { stock: 4_000 };
const always = { environment: { DURABILITY: 'always' } };
/** Room for a Redis and a MariaDB of each scenario. */
const diskMegabytes = 1_500;

const disk = isWhole ? MortalDisk.mount(diskMegabytes) : undefined;
afterAll(() => disk?.unmount());

for (const [name, appendfsync, lost, settings] of [
  ['loses about the last second', 'everysec', 'Power loss of Redis', { mayLose: true }],
  ['loses nothing that was acknowledged', 'always', 'Power loss of Redis, DURABILITY=always', always],
] as const) {
  scenario(`the machine of Redis loses power, appendfsync is ${appendfsync}: it ${name}`,
    { row: lost, sale, ...settings, ...onDisk(lost, ['Redis'], appendfsync) }, async (stage) => {
      for (let loss = 0; loss < 3; loss += 1) await losePower(stage, ['Redis']);
    });
}

scenario('the machine of MariaDB loses power: what it has committed is there',
  { row: 'Power loss of MariaDB', sale, ...onDisk('MariaDB', ['MariaDB']) },
  (stage) => losePower(stage, ['MariaDB']));

scenario('the machine of both loses power, DURABILITY is always: nothing acknowledged is lost',
  { row: 'Power loss of both, DURABILITY=always', sale, ...always,
    ...onDisk('both', ['Redis', 'MariaDB'], 'always') },
  (stage) => losePower(stage, ['Redis', 'MariaDB']));

/** The servers of a scenario, of which these have their files on the disk that loses power. */
function onDisk(folder: string, servers: readonly Server[], appendfsync = 'everysec') {
  if (!disk) return { obstacle: 'this process may not mount a disk' };
  const path = join(disk.folder, folder);
  return { servers: {
    redis: ['--appendfsync', appendfsync],
    ...(servers.includes('Redis') && { redisFolder: join(path, 'redis') }),
    ...(servers.includes('MariaDB') && { mariadbFolder: join(path, 'mariadb') }),
  } };
}

async function losePower(stage: Stage, dead: readonly Server[]): Promise<void> {
  const { servers, crowd, random } = stage;
  // What is older than the fault is on every disk by then.
  disk?.sync();
  await crowd.acknowledge(random.integer(30, 200));
  await stage.inject(`${dead.join(' and ')}: power is lost`, async () => {
    disk?.losePower();
    await Promise.all(dead.map((name) => name === 'Redis' ? servers.killRedis()
      : servers.killMariadb()));
    disk?.comeBack();
  });
  await stage.heal(() => Promise.all(dead.map((name) => name === 'Redis' ? servers.startRedis()
    : servers.startMariadb())));
}
