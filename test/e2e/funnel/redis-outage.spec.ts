import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis, type Server } from '../../../tools/lib/servers.mjs';
import { admin, TestClient } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { FaultProxy } from '../../support/fault-proxy';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';
import { tally, times } from './support/tally';

describe('a funnel whose Redis is gone', () => {
  let folder: string;
  let server: Server;
  let way: FaultProxy;
  let product: TestProduct;
  let saleId: string;
  let futureId: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'fairdrop-funnel-'));
    server = await startRedis({ dir: folder });
    way = await FaultProxy.start(server.port);
    product = await TestProduct.start({ REDIS_URL: way.url('redis'), THROTTLE_USER: '3/600' });
    const { client } = product;
    saleId = await client.openSale({ stock: 1_000, protection: { risk: 'on', captcha: 'risk' } });
    futureId = await client.openSale({ opensAt: new Date(Date.now() + 3_600_000).toISOString() });
    await client.call('PUT', '/admin/v1/blacklist/user/mallory',
      { as: admin, body: { reason: 'test' } });
    // From now on memory refuses him.
    expect(tally(await times(5, () => client.buy(saleId, 'hasty'))))
      .toMatchObject({ RATE_LIMITED: 2 });
  });

  afterAll(async () => {
    server.kill('SIGCONT');
    await product.stop();
    await way.stop();
    server.kill();
    await server.exited;
    rmSync(folder, { recursive: true });
  });

  /** What holds while nobody answers at the other end: who waited for that would wait for ever. */
  async function expectFailedClosed(): Promise<void> {
    const { client } = product;
    const patient = new TestClient(product.url, product.config, 45_000);
    const answers = await times(50, (index) => patient.buy(saleId, `buyer-${index}`));
    patient.close();
    for (const answer of answers) expectProblem(answer, 'TEMPORARILY_UNAVAILABLE');
    expectProblem(await client.buy(saleId, 'mallory'), 'BLACKLISTED');
    expectProblem(await client.buy(saleId, 'hasty'), 'RATE_LIMITED');
    expectProblem(await client.buy(futureId, 'buyer-1'), 'SALE_NOT_OPEN');
    expectProblem(await client.call('POST', '/v1/captcha/challenges',
      { as: 'buyer-1', body: { saleId } }), 'TEMPORARILY_UNAVAILABLE');
    expectProblem(await client.call('POST', `/v1/sales/${saleId}/tokens`, { as: 'buyer-1' }),
      'TEMPORARILY_UNAVAILABLE');
    const read = await client.call<{ id: string }>('GET', `/v1/sales/${saleId}`);
    expect([read.status, read.body.id]).toEqual([200, saleId]);
    expect((await client.call('GET', '/v1/sales')).status).toBe(200);
  }

  async function expectRecovered(userId: string): Promise<void> {
    const { client } = product;
    const key = `key-of-${userId}`;
    const bought = await until('buying goes on', async () => {
      const answer = await client.buy(saleId, userId, { key });
      return answer.status < 300 && answer;
    }, 60_000);
    expect((await client.buy(saleId, userId, { key })).body.id).toBe(bought.body.id);
    expectProblem(await client.buy(saleId, 'mallory'), 'BLACKLISTED');
  }

  it('sells nothing, reads on, and sells again when it is back', async () => {
    expect((await product.client.buy(saleId, 'before')).status).toBe(202);
    await way.refuse();
    await expectFailedClosed();
    await way.accept();
    await expectRecovered('after-it-was-away');
  }, 180_000);

  it('sells nothing while it hangs, and answers before buyers give up', async () => {
    server.kill('SIGSTOP');
    await expectFailedClosed();
    server.kill('SIGCONT');
    await expectRecovered('after-it-hung');
  }, 180_000);
});
