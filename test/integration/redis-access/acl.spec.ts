import { hash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startRedis, type Server } from '../../../tools/lib/servers.mjs';
import { RedisConnections } from '../../../src/infra/redis';
import { Recovery } from '../../../src/reconciliation';
import { expectBooksToBalance } from '../../support/books';
import { CaseDesk, harmless } from '../../support/case-desk';
import { admin } from '../../support/client';
import { liveMixedLife } from '../../support/mixed-life';
import { earn, proofs } from '../../support/proofs';
import { testConfig } from '../../support/stack';
import { until } from '../../support/until';

const root = join(__dirname, '../../..');
const users = readFileSync(join(root, 'docker/redis.acl'), 'utf8');

/** Sent by the product or its libraries themselves, beside what scripts call. */
const sent = ['bzpopmin', 'client|setname', 'config|get', 'eval', 'evalsha', 'hscan', 'info',
  'ping', 'publish', 'subscribe', 'wait', 'xack', 'xautoclaim', 'xreadgroup'];

/** What the user of the product may do: names of commands and of their parts. */
function granted(): string[] {
  const [line = ''] = users.split('\n').filter((text) => text.startsWith('user fairdrop '));
  return [...line.matchAll(/ \+(\S+)/g)].map(([, command = '']) => command).sort();
}

function calledByScripts(): string[] {
  const ours = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.lua')).map((path) => join(root, 'src', path));
  const folder = join(root, 'node_modules/bullmq/dist/cjs/scripts');
  const theirs = readdirSync(folder).filter((path) => path.endsWith('.js'))
    .map((path) => join(folder, path));
  const calls = [...ours, ...theirs].flatMap((path) => [...readFileSync(path, 'utf8')
    .matchAll(/call\(\s*['"](?<command>\w+)['"](?:,\s*['"](?<part>\w+)['"])?/g)]);
  return calls.map(({ groups: { command = '', part = '' } = {} }) =>
    (/^xgroup$/i.test(command) ? `${command}|${part}` : command).toLowerCase());
}

jest.setTimeout(180_000);

describe('the Redis user of docker/redis.acl', () => {
  let folder: string;
  let servers: Server[];
  let operator: Redis;
  let desk: CaseDesk;

  beforeAll(async () => {
    folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'fairdrop-acl-'));
    const path = join(folder, 'redis.acl');
    writeFileSync(path, users.replace('SHA256-OF-THE-PASSWORD', hash('sha256', 'password'))
      .concat('user operator reset on nopass ~* &* +@all\n'));
    const server = await startRedis({ dir: join(folder, 'redis'), args: ['--aclfile', path] });
    const replica = await startRedis({ dir: join(folder, 'replica'), args: [
      '--replicaof', '127.0.0.1', String(server.port), '--masteruser', 'operator',
      '--masterauth', 'any', '--repl-diskless-sync-delay', '0'] });
    servers = [server, replica];
    operator = new Redis({ port: server.port, username: 'operator', password: 'any' });
    desk = await CaseDesk.start({ REDIS_URL: urlWith('fairdrop:password@'),
      REDIS_NAMESPACE: 'fairdrop', DURABILITY: 'replica', THROTTLE_USER: '1000/1' });
  });
  afterAll(async () => {
    await desk.stop();
    operator.disconnect();
    for (const server of servers) await server.stop();
    rmSync(folder, { recursive: true });
  });

  const urlWith = (login: string) => `redis://${login}127.0.0.1:${servers[0]?.port}`;

  it('may do what scripts call and what is sent, and nothing else', () => {
    expect(granted()).toEqual([...new Set([...calledByScripts(), ...sent])].sort());
  });

  it('has of what Redis calls dangerous only two ways to ask how the server is set', async () => {
    const dangerous = await operator.call('ACL', 'CAT', 'dangerous') as string[];
    expect(granted().filter((command) => dangerous.some((name) =>
      name === command || name.startsWith(`${command}|`)))).toEqual(['config|get', 'info']);
  });

  it('carries a sale from its load to its recovery, and is denied nothing', async () => {
    const { product, client } = desk;
    await until('its replica follows', async () =>
      (await client.call('GET', '/health/ready')).status === 200, 60_000);
    const saleId = await client.openSale({ stock: 30, limitPerUser: 2, protection: { risk: 'off' } });
    await liveMixedLife(product, saleId, async () => undefined);
    expect((await client.call('GET', `/admin/v1/sales/${saleId}/buyers/ann/timeline`,
      { as: admin })).status).toBe(200);

    const guarded = await client.openSale({ strategy: 'tokens',
      protection: { risk: 'off', saleToken: true, captcha: 'always' } });
    const headers: Record<string, string> = {};
    for (const kind of ['sale token', 'captcha token'] as const) {
      headers[proofs[kind].header] = await earn(product, kind, guarded, 'ann');
    }
    await client.order(guarded, 'ann', { headers });
    await client.order(await client.openSale({ strategy: 'segment-lock' }), 'ann');

    const reviewed = await desk.openSale();
    await client.order(reviewed, 'gil', harmless);
    await desk.decide((await desk.findRisky(reviewed, 'gil')).id, 'dismiss');

    for (const id of [saleId, guarded, reviewed]) {
      await product.get(Recovery).recover(id, 'for a test');
      await expectBooksToBalance(product, id);
    }
    expect((await client.call('GET', '/metrics')).text).toContain('queue_depth');
    expect(await operator.call('ACL', 'LOG')).toEqual([]);
    const stats = await operator.info('commandstats');
    expect(sent.filter((command) => !stats.includes(`cmdstat_${command}:`))).toEqual([]);
  });

  it('has no keys but its own', async () => {
    const connection = new Redis(urlWith('fairdrop:password@'));
    await expect(connection.set('other', '1')).rejects.toThrow('NOPERM');
    await expect(connection.publish('other', '1')).rejects.toThrow('NOPERM');
    await expect(connection.flushall()).rejects.toThrow('NOPERM');
    connection.disconnect();
    await operator.call('ACL', 'LOG', 'RESET');
  });

  it('a process with a wrong password does not start, and says where it belongs', async () => {
    const connections = new RedisConnections(testConfig({ REDIS_URL: urlWith('fairdrop:wrong@'),
      DATABASE_URL: 'mysql://database/shop' }));
    await expect(connections.onModuleInit()).rejects.toThrow(/WRONGPASS.*REDIS_URL/);
    connections.onApplicationShutdown();
  });
});
