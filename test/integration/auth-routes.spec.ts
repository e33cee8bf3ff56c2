import { Controller, Get, Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  AuthModule, CurrentUser, DemoLoginModule, type Identity, mintToken, Public, type Role, Roles,
} from '../../src/auth';
import { ConfigModule, loadConfig } from '../../src/config';
import { createHttpApplication, Describe } from '../../src/infra/http';
import { createLogger, StructuredLogger } from '../../src/infra/logging';

const route = { summary: 'A test', tag: 'test', answers: { 200: { description: 'Done.' } } };

@Controller()
class TestController {
  @Get('open')
  @Public()
  @Describe(route)
  open() {
    return { open: true };
  }

  @Get('mine')
  @Describe(route)
  mine(@CurrentUser() identity: Identity) {
    return identity;
  }

  @Get('admin/v1/risk')
  @Roles('admin', 'risk')
  @Describe(route)
  risk() {
    return { allowed: true };
  }

  @Get('admin/v1/forgotten')
  @Describe(route)
  forgotten() {
    return { allowed: true };
  }
}

const config = loadConfig({
  DATABASE_URL: 'mysql://127.0.0.1/unused',
  REDIS_URL: 'redis://127.0.0.1',
  JWT_SECRET: 'a secret of at least thirty-two characters',
  PAYMENT_WEBHOOK_SECRET: `whsec_${Buffer.alloc(24).toString('base64')}`,
});

@Module({
  imports: [ConfigModule.forConfig(config), AuthModule, DemoLoginModule],
  controllers: [TestController],
})
class TestModule {}

describe('guarded routes', () => {
  let application: NestFastifyApplication;

  beforeAll(async () => {
    const logger = new StructuredLogger(createLogger('silent'));
    application = await createHttpApplication({ module: TestModule }, config, logger);
    await application.init();
  });

  afterAll(() => application.close());

  async function call(url: string, ...roles: Role[]) {
    const authorization = `Bearer ${mintToken(config, { userId: 'alice', roles })}`;
    const response = await application.inject({ url, headers: { authorization } });
    return { status: response.statusCode, body: response.json<Record<string, unknown>>() };
  }

  it('lets anyone in only where a route says so', async () => {
    expect((await application.inject('/open')).statusCode).toBe(200);
    const refused = await application.inject('/mine');
    expect(refused.statusCode).toBe(401);
    expect(refused.headers['www-authenticate']).toBe('Bearer');
    expect(refused.json()).toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('hands the handler who is asking', async () => {
    expect(await call('/mine', 'viewer')).toEqual({
      status: 200, body: { userId: 'alice', roles: ['viewer'] },
    });
  });

  it('lets in every role that a route names, and no other', async () => {
    expect(await call('/admin/v1/risk', 'admin')).toMatchObject({ status: 200 });
    expect(await call('/admin/v1/risk', 'viewer', 'risk')).toMatchObject({ status: 200 });
    expect(await call('/admin/v1/risk', 'viewer')).toMatchObject({ body: { code: 'FORBIDDEN' } });
    expect(await call('/admin/v1/risk')).toMatchObject({ status: 403 });
  });

  it.each(['/admin/v1/forgotten', '//admin/v1/forgotten', '/ADMIN/v1/forgotten'])(
    'lets nobody into an admin route that names no role (%s)', async (url) => {
      const { status } = await call(url, 'admin', 'risk', 'viewer');
      expect([403, 404]).toContain(status);
    });

  it('gives a demo user a token that works', async () => {
    const login = await application.inject({
      method: 'POST', url: '/demo/login', payload: { userId: 'bob', roles: ['admin'] },
    });
    expect(login.statusCode).toBe(200);
    const authorization = `Bearer ${login.json<{ token: string }>().token}`;
    const mine = await application.inject({ url: '/mine', headers: { authorization } });
    expect(mine.json()).toEqual({ userId: 'bob', roles: ['admin'] });
  });

  it.each([
    {}, { userId: '' }, { userId: 'a b' }, { userId: 7 }, { userId: 'a', roles: ['king'] },
    { userId: 'a', password: 'x' },
  ])('refuses the demo login %j', async (payload) => {
    const login = await application.inject({ method: 'POST', url: '/demo/login', payload });
    expect(login.json()).toMatchObject({ code: 'VALIDATION_FAILED' });
  });
});
