import { Deployment } from './support/deployment';
import { checkBooks } from './support/books';
import { PrivateServers } from './support/private-servers';

/** The rows of "What recovers a crash between two steps" in docs/protocol.md, S2 to S8. */
describe('a process dies between two steps', () => {
  let servers: PrivateServers;
  let deployment: Deployment;

  beforeAll(async () => { servers = await PrivateServers.start(); });
  afterAll(async () => { await servers.stop(); });
  beforeEach(async () => { deployment = await Deployment.create(servers); });
  afterEach(async () => { await deployment.stop(); });

  it.each([
    ['S3–S4: the relay dies with entries that the queue does not have', 'relay-before-queue'],
    ['inside S4: the relay dies between queue and acknowledgement', 'relay-before-acknowledge'],
    ['S4–S5: the worker dies before it wrote its job', 'writer-before-commit'],
    ['S5–S6: the worker dies between commit and confirmation', 'writer-after-commit'],
  ])('%s; another process makes orders of them, once', async (_row, failpoint) => {
    const api = await deployment.start({ roles: 'api' });
    const saleId = await api.client.openSale({ stock: 20 });
    const worker = await deployment.start({ roles: 'worker', failpoint });
    const crowd = deployment.crowd(saleId);
    await crowd.press(12);
    expect(await worker.ended).toBe('SIGKILL');
    await deployment.start({ roles: 'worker' });
    const { rows, pending } = await checkBooks(deployment, saleId, crowd.acknowledged);
    expect([crowd.acknowledged.length, rows.length, pending]).toEqual([12, 12, 12]);
    expect(await crowd.askAgain(crowd.acknowledged))
      .toEqual(crowd.acknowledged.map(({ orderId }) => ({ orderId })));
  });
});
