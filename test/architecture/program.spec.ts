import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Queue } from 'bullmq';
import { DiscoveryService } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { migrations } from '../../migrations';
import { mintToken } from '../../src/auth';
import { createApplication } from '../../src/create-application';
import { type Access, accessOf, routesOf, type Route } from '../../src/infra/http';
import { readLuaScripts } from '../../src/infra/redis';
import { testConfig, withDatabase } from '../support/stack';
import { filesBelow, read, root } from './source';

/** What may be called without a token: a further one is a decision, and stands here. */
const publicRoutes = [
  'get /demo', 'get /demo/pay/:paymentId', 'get /demo/work/:file', 'get /health/live',
  'get /health/ready', 'get /v1/sales', 'get /v1/sales/:saleId', 'get /v1/time', 'post /demo/login',
  'post /demo/pay/:paymentId/fail', 'post /demo/pay/:paymentId/pay',
  'post /demo/pay/:paymentId/pay-late', 'post /v1/webhooks/payments',
];

/** What may be called without a token from OPERATIONS_NETWORKS alone. */
const operationsRoutes = ['get /docs', 'get /docs/page.js', 'get /docs/swagger-ui-bundle.js',
  'get /docs/swagger-ui.css', 'get /metrics', 'get /openapi.json'];

describe('the running program', () => {
  let database: Awaited<ReturnType<typeof withDatabase>>;
  let application: NestFastifyApplication;
  let routes: Route[];
  let token: string;

  beforeAll(async () => {
    database = await withDatabase();
    const config = testConfig({ DATABASE_URL: database.databaseUrl, DEMO: 'true' });
    application = await createApplication(config);
    await application.init();
    routes = routesOf(application.get(DiscoveryService, { strict: false }));
    token = mintToken(config, { userId: 'nobody-special', roles: [] });
  });

  afterAll(async () => {
    await application.close();
    await database.drop();
  });

  const nameOf = ({ method, path }: Route) => `${method} ${path}`;
  const openTo = (access: Access) => routes.filter(({ handler, controller }) =>
    accessOf(handler, controller) === access).map(nameOf).sort();
  const guarded = () => routes.filter((route) =>
    ![...publicRoutes, ...operationsRoutes].includes(nameOf(route)));

  it('opens to everybody only the routes that are meant to be public', () => {
    expect(openTo('public')).toEqual(publicRoutes);
    expect(openTo('operations')).toEqual(operationsRoutes);
  });

  it('asks for a token on every other route, before it looks at anything else', async () => {
    const answers = await Promise.all(guarded().map(async (route) =>
      [nameOf(route), await statusOf(route)]));
    expect(answers).toEqual(guarded().map((route) => [nameOf(route), 401]));
  });

  it('lets nobody without a role into /admin', async () => {
    const admin = guarded().filter(({ path }) => path.startsWith('/admin/'));
    const answers = await Promise.all(admin.map(async (route) =>
      [nameOf(route), await statusOf(route, { authorization: `Bearer ${token}` })]));
    expect(answers.length).toBeGreaterThan(10);
    expect(answers).toEqual(admin.map((route) => [nameOf(route), 403]));
  });

  async function statusOf({ method, path }: Route, headers = {}): Promise<number> {
    const url = path.replaceAll(/:\w+/g, 'something');
    const answer = await application.inject({ method: method as 'get' | 'post', url, headers });
    return answer.statusCode;
  }

  it('has exactly one processor for every queue', () => {
    const providers = application.get(DiscoveryService, { strict: false }).getProviders();
    const queues = new Set(providers.map(({ instance }): unknown => instance)
      .filter((instance) => instance instanceof Queue).map(({ name }) => name));
    const processors = new Set(providers.map(({ metatype }) => metatype)
      .filter((type) => type != null && Reflect.hasMetadata(processorKey, type)));
    const processed = [...processors].map((type) =>
      (Reflect.getMetadata(processorKey, type as object) as { name: string }).name);
    expect(processed.sort()).toEqual([...queues].sort());
  });
});

/** Under which @nestjs/bullmq keeps what `@Processor` says. */
const processorKey = 'bullmq:processor_metadata';

describe('the built program', () => {
  it('finds every Lua script, with the text that the source has', () => {
    const scripts = readLuaScripts(join(root, 'dist/src/stock/lua'));
    expect(scripts.length).toBeGreaterThan(0);
    expect(scripts).toEqual(readLuaScripts(join(root, 'src/stock/lua')));
  });

  it('has every other file that the source reads', () => {
    const assets = filesBelow('src').filter((path) => /\.(?:html|css|js)$/.test(path));
    const stale = assets.filter((path) => read(path) !== readFileSync(join(root, 'dist', path), 'utf8'));
    expect(assets.length).toBeGreaterThan(0);
    expect(stale).toEqual([]);
  });
});

describe('the migrations', () => {
  it('are all listed, oldest first', () => {
    const files = filesBelow('migrations').filter((path) => path !== 'migrations/index.ts');
    const names = files.map((path) => {
      const [, at = '', words = ''] = /^migrations\/(\d{13})-([a-z-]+)\.ts$/.exec(path) ?? [];
      const camel = words.replaceAll(/(?:^|-)(.)/g, (_, letter: string) => letter.toUpperCase());
      return camel + at;
    });
    expect(migrations.map((migration) => new migration().name)).toEqual(names);
  });
});
