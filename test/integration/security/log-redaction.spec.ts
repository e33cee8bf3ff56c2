import { AppModule } from '../../../src/app.module';
import { createHttpApplication } from '../../../src/infra/http';
import { createLogger, StructuredLogger } from '../../../src/infra/logging';
import { Notifications } from '../../../src/infra/notification';
import { newId } from '../../../src/kernel';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { TestClient } from '../../support/client';
import { createInstallation, type Installation } from '../../support/product';
import { testConfig } from '../../support/stack';
import { until } from '../../support/until';

/** Everything that must never be read in a log, by where it is put. */
const secrets = {
  jwtSecret: 'jwt-secret-of-the-installation-9f1c',
  paymentSecret: Buffer.from('payment-secret-of-the-installation').toString('base64'),
  notificationSecret: Buffer.from('notification-secret-of-the-install').toString('base64'),
  receiverPath: 'receiver-path-5d2e',
  bearer: 'bearer-7a3b', cookie: 'cookie-1c9d', query: 'query-4e6f', key: 'key-8b2a',
  saleToken: 'sale-token-3d7c', captchaToken: 'captcha-token-6f1e', body: 'body-2a9b',
  brokenBody: 'broken-body-5c4d', signature: 'signature-9e8f',
};

let installation: Installation;
let application: NestFastifyApplication;
let client: TestClient;
const lines: string[] = [];

beforeAll(async () => {
  installation = await createInstallation();
  const config = testConfig({
    ...installation.environment, DEMO: 'true', JWT_SECRET: secrets.jwtSecret,
    PAYMENT_WEBHOOK_SECRET: `whsec_${secrets.paymentSecret}`,
    NOTIFICATION_SECRET: `whsec_${secrets.notificationSecret}`,
    NOTIFICATION_URLS: `http://127.0.0.1:9/${secrets.receiverPath}`,
  });
  const logger = createLogger('trace', { write: (line) => { lines.push(line); } });
  application = await createHttpApplication(
    AppModule.forConfig(config), config, new StructuredLogger(logger));
  await application.listen(0, '127.0.0.1');
  client = new TestClient(await application.getUrl(), config);
});

afterAll(async () => {
  client.close();
  await application.close();
  await installation.drop();
});

/** Fails when any secret stands in what was logged so far. */
function expectNoSecrets(...others: string[]): void {
  const log = lines.join('');
  const found = [...Object.values(secrets), ...others].filter((secret) => log.includes(secret));
  expect(found).toEqual([]);
}

const headers = {
  'cookie': `session=${secrets.cookie}`, 'idempotency-key': secrets.key,
  'x-sale-token': secrets.saleToken, 'x-captcha-token': secrets.captchaToken,
};

describe('the log, at its most talkative,', () => {
  it('has a line for every request', async () => {
    const { headers: answered } = await client.call('GET', '/v1/time');
    await until('it is logged', async () =>
      lines.some((line) => line.includes(String(answered['x-trace-id']))));
  });

  it('shows nothing of a purchase that a buyer keeps to himself', async () => {
    const saleId = await client.openSale();
    const path = `/v1/sales/${saleId}/orders?access_token=${secrets.query}`;
    const answers = [
      await client.call('POST', path, { as: 'alice', body: { quantity: 1 }, headers }),
      await client.call('POST', path, { as: 'alice', body: { note: secrets.body }, headers }),
      await client.call('POST', path, { as: 'alice', raw: `{"${secrets.brokenBody}`, headers }),
      await client.call('POST', path, { body: { quantity: 1 },
        headers: { ...headers, authorization: `Bearer ${secrets.bearer}` } }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([202, 400, 400, 401]);
    await client.atRest(saleId);
    expectNoSecrets(client.tokenOf('alice'));
  });

  it('shows nothing of a webhook that does not hold', async () => {
    const { status } = await client.call('POST', '/v1/webhooks/payments', {
      body: { type: 'payment.succeeded', data: { orderId: secrets.body } },
      headers: { 'webhook-id': 'm1', 'webhook-timestamp': '1',
        'webhook-signature': secrets.signature },
    });
    expect(status).toBe(401);
    expectNoSecrets();
  });

  it('shows no receiver of a notification that failed, but that it failed', async () => {
    const id = newId('case');
    await application.get(Notifications).send({ id, type: 'test', data: {} });
    await until('the failure is logged', async () =>
      lines.some((line) => line.includes('job failed') && line.includes(id)), 45_000);
    expectNoSecrets();
  });

  it('shows no token that the demo gives', async () => {
    const { body } = await client.call<{ token: string }>('POST', '/demo/login',
      { body: { userId: 'alice' } });
    await client.call('GET', '/v1/orders', { headers: { authorization: `Bearer ${body.token}` } });
    expectNoSecrets(body.token);
  });

  it('shows nothing of what it was configured with', () => {
    expect(lines.length).toBeGreaterThan(10);
    expectNoSecrets();
  });
});
