import { Deployment } from './support/deployment';
import { PrivateServers } from './support/private-servers';
import { isWhole } from './support/stage';

jest.setTimeout(300_000);

type Harm = (servers: PrivateServers) => unknown;

const harms: [string, Harm][] = [
  ['Redis refuses', (servers) => servers.killRedis()],
  ['Redis hangs', (servers) => { servers.freezeRedis(); }],
];
const furtherHarms: [string, Harm][] = [
  ['MariaDB refuses', (servers) => servers.killMariadb()],
  ['MariaDB hangs', (servers) => { servers.freezeMariadb(); }],
  ['both refuse', (servers) => Promise.all([servers.killRedis(), servers.killMariadb()])],
];

describe('SIGTERM while a server is away', () => {
  let servers: PrivateServers;
  let deployment: Deployment;

  beforeEach(async () => {
    servers = await PrivateServers.start();
    deployment = await Deployment.create(servers);
  });

  afterEach(async () => {
    servers.thawRedis();
    servers.thawMariadb();
    await deployment.stop();
    await servers.stop();
  });

  it.each(isWhole ? [...harms, ...furtherHarms] : harms)(
    '%s: the process ends cleanly, without waiting for it to return', async (_name, harm) => {
      const product = await deployment.start();
      const saleId = await product.client.openSale({ stock: 10 });
      await product.client.order(saleId, 'alice');
      await harm(servers);
      // The server stays away: whoever waited for it would never end, or end by src/main.ts with 1.
      expect(await product.end('SIGTERM')).toBe('exit code 0');
    });
});
