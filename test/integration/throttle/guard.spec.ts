import { Controller, Get, Module, UseGuards } from '@nestjs/common';
import { ThrottlerGuard } from '@nestjs/throttler';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AuthModule } from '../../../src/auth';
import { ConfigModule } from '../../../src/config';
import { createHttpApplication, Describe, Public } from '../../../src/infra/http';
import { createLogger, StructuredLogger } from '../../../src/infra/logging';
import { AdmissionRedis, RedisModule } from '../../../src/infra/redis';
import { BuyerThrottleGuard, ThrottleModule } from '../../../src/throttle';
import { TestClient } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { letStoreBeSlow } from '../../support/patient';
import { testConfig } from '../../support/stack';
import { until } from '../../support/until';

const route = { summary: 'A test', tag: 'test', answers: { 200: { description: 'Done.' } } };

@Controller()
class CostlyController {
  @Get('costly')
  @UseGuards(BuyerThrottleGuard)
  @Describe(route)
  costly() {
    return { done: true };
  }

  @Get('usual')
  @Public()
  @UseGuards(ThrottlerGuard)
  @Describe(route)
  usual() {
    return { done: true };
  }
}

describe('a route that is throttled', () => {
  let application: NestFastifyApplication;
  let client: TestClient;

  beforeAll(async () => {
    const config = testConfig({ DATABASE_URL: 'mysql://127.0.0.1/unused', TRUST_PROXY: '127.0.0.1',
      THROTTLE_USER: '3/60', THROTTLE_IP: '8/60', THROTTLE_DEVICE: '5/60' });

    @Module({
      imports: [ConfigModule.forConfig(config), RedisModule, AuthModule, ThrottleModule],
      controllers: [CostlyController],
    })
    class TestModule {}

    application = await createHttpApplication({ module: TestModule }, config,
      new StructuredLogger(createLogger('silent')));
    await application.listen(0, '127.0.0.1');
    client = new TestClient(await application.getUrl(), config);
    const redis = application.get(AdmissionRedis);
    letStoreBeSlow(redis);
    await until('connected', async () => redis.connection.status === 'ready');
  });

  afterAll(async () => {
    const redis = application.get(AdmissionRedis);
    const keys = await redis.connection.keys(redis.key('throttle', '*'));
    if (keys.length > 0) await redis.connection.unlink(keys);
    client.close();
    await application.close();
  });

  const ask = (as: string, ip: string, device?: string) => client.call('GET', '/costly', { as,
    headers: { 'x-forwarded-for': ip, ...(device !== undefined && { 'x-device-id': device }) } });
  const statuses = async (requests: number, one: (i: number) => ReturnType<typeof ask>) =>
    (await Promise.all(Array.from({ length: requests }, (_, i) => one(i))))
      .map(({ status }) => status).sort();
  const of = (passed: number, refused: number) =>
    [...Array<number>(passed).fill(200), ...Array<number>(refused).fill(429)];

  it('lets n requests of a user through, and tells him when to come back', async () => {
    expect(await statuses(20, () => ask('bob', '203.0.113.1'))).toEqual(of(3, 17));
    const answer = await ask('bob', '203.0.113.2');
    expectProblem(answer, 'RATE_LIMITED');
    expect(answer.headers).toMatchObject({
      'retry-after': expect.stringMatching(/^(?:60|5\d)$/) as string,
      'ratelimit': `"user";r=0;t=${answer.headers['retry-after']}`,
      'ratelimit-policy': '"user";q=3;w=60' });
  });

  it('counts by address and by device as well', async () => {
    expect(await statuses(20, (i) => ask(`ann${i}`, '203.0.113.3'))).toEqual(of(8, 12));
    expect(await statuses(20, (i) => ask(`eve${i}`, `203.0.113.${100 + i}`, 'phone')))
      .toEqual(of(5, 15));
  });

  it('asks Redis once for all of that, and not at all for whom memory refuses', async () => {
    const { connection } = application.get(AdmissionRedis);
    const sent = jest.spyOn(connection, 'sendCommand');
    // A connection also asks by itself whether its server is there.
    const questions = () => sent.mock.calls.filter(([{ name }]) => name !== 'ping');
    await ask('dan', '203.0.113.4', 'tablet');
    expect(questions()).toHaveLength(1);
    await statuses(5, () => ask('dan', '203.0.113.4', 'tablet'));
    sent.mockClear();
    expect((await ask('dan', '203.0.113.4', 'tablet')).status).toBe(429);
    expect(questions()).toEqual([]);
  });

  it('can also stand behind the guard of the library, which asks the same storage', async () => {
    const answers = await statuses(20, () =>
      client.call('GET', '/usual', { headers: { 'x-forwarded-for': '203.0.113.5' } }));
    expect(answers.filter((status) => status === 200)).toHaveLength(8);
  });
});
