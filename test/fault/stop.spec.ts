import { Deployment } from './support/deployment';
import { PrivateServers } from './support/private-servers';

jest.setTimeout(120_000);

/** Longer than a command waits for an answer; the limit after which a process gives up is longer. */
const soonMs = 20_000;

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

  it.each<[string, () => unknown]>([
    ['Redis refuses', () => servers.killRedis()],
    ['Redis hangs', () => { servers.freezeRedis(); }],
    ['MariaDB refuses', () => servers.killMariadb()],
    ['MariaDB hangs', () => { servers.freezeMariadb(); }],
    ['both refuse', () => Promise.all([servers.killRedis(), servers.killMariadb()])],
  ])('%s: the process ends cleanly, without waiting for it to return', async (_name, harm) => {
    const product = await deployment.start();
    const saleId = await product.client.openSale({ stock: 10 });
    await product.client.order(saleId, 'alice');
    await harm();
    const toldAt = performance.now();
    expect(await product.end('SIGTERM')).toBe('exit code 0');
    expect(performance.now() - toldAt).toBeLessThan(soonMs);
  });
});
