import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, startRedis, startSentinel, type Server } from '../../../tools/lib/servers.mjs';
import { loadConfig } from '../../../src/config';
import { createInstallation, type Installation } from '../../support/product';
import { ProductProcess } from '../../support/product-process';
import { testEnvironment } from '../../support/stack';

const certificates = join(__dirname, 'certificates');
const authority = join(certificates, 'authority.pem');
/** In the form of a command line; a sentinel has the same settings in a file. */
const ofServer = ['--tls-cert-file', join(certificates, 'server.pem'),
  '--tls-key-file', join(certificates, 'server-key.pem'), '--tls-ca-cert-file', authority,
  '--tls-auth-clients', 'no'];

jest.setTimeout(180_000);

/** As processes, since Node reads the authorities of NODE_EXTRA_CA_CERTS when it starts. */
describe('Redis over TLS, with a certificate of an authority of our own', () => {
  let folder: string;
  let redis: Server;
  let sentinel: Server;
  let tlsPort: number;
  let sentinelPort: number;
  let installation: Installation;
  let running: ProductProcess | undefined;

  beforeAll(async () => {
    folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'fairdrop-tls-'));
    [tlsPort, sentinelPort] = [await freePort(), await freePort()];
    redis = await startRedis({ dir: join(folder, 'redis'),
      args: ['--tls-port', String(tlsPort), ...ofServer] });
    sentinel = await startSentinel({ dir: join(folder, 'sentinel'), settings: [
      ...Array.from({ length: ofServer.length / 2 }, (_none, pair) =>
        `${ofServer[2 * pair]?.slice(2)} ${ofServer[2 * pair + 1]}`),
      `tls-port ${sentinelPort}`, 'tls-replication yes', `sentinel monitor shop 127.0.0.1 ${tlsPort} 1`,
    ] });
    installation = await createInstallation();
  });
  afterEach(async () => { await running?.end(); });
  afterAll(async () => {
    await installation.drop();
    await Promise.all([redis.stop(), sentinel.stop()]);
    rmSync(folder, { recursive: true });
  });

  async function launch(redisUrl: string, trusted: Record<string, string>) {
    const environment = testEnvironment({ ...installation.environment, REDIS_URL: redisUrl,
      PORT: String(await freePort()), LOG_LEVEL: 'warn' });
    running = new ProductProcess({ ...environment, ...trusted }, loadConfig(environment), folder);
    return running;
  }

  it.each([
    ['rediss', () => `rediss://localhost:${tlsPort}`],
    ['rediss+sentinel', () => `rediss+sentinel://localhost:${sentinelPort}/shop`],
  ])('%s: sells when Node knows the authority', async (_scheme, url) => {
    const { client, ready } = await launch(url(), { NODE_EXTRA_CA_CERTS: authority });
    await ready;
    const order = await client.order(await client.openSale(), 'alice');
    expect(order.status).toBe('pending_payment');
  });

  it('a process that does not know it ends, and says what to set', async () => {
    const refused = await launch(`rediss://localhost:${tlsPort}`, {});
    const end = await Promise.race([refused.ended, refused.ready.then(() => 'it started')]);
    expect(end).toBe('exit code 1');
    expect(refused.output).toMatch(/certificate.*NODE_EXTRA_CA_CERTS/);
  });
});
