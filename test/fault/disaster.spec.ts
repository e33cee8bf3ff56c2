import { join } from 'node:path';
import { reviewer, risky, rulesOfTests } from '../support/case-desk';
import type { TestClient } from '../support/client';
import type { Crowd } from '../support/crowd';
import { until } from '../support/until';
import { checkBooks } from './support/books';
import { Deployment } from './support/deployment';
import { Dump } from './support/dump';
import { PrivateServers } from './support/private-servers';

jest.setTimeout(300_000);

/** Lasts for as long as anything takes; see `takeAway`. */
const stock = 50_000;

/** The drill of docs/operations.md, "Backup, restore, disaster". */
describe('the database is restored from a dump', () => {
  let servers: PrivateServers;
  let deployment: Deployment;
  let dump: Dump;

  // Deadlines are in UTC, wherever the server is.
  beforeAll(async () => {
    servers = await PrivateServers.start({ mariadb: ['--default-time-zone=-08:00'] });
  });
  afterAll(async () => { await servers.stop(); });

  beforeEach(async () => {
    deployment = await Deployment.create(servers);
    dump = new Dump(join(servers.folder, 'dump.sql'));
  });

  afterEach(async () => { await deployment.stop(); });

  /** Orders in every status that a restore has to carry over; ids by what they are. */
  async function everyStatus(client: TestClient, saleId: string) {
    await client.call('PUT', '/admin/v1/risk/rules', { as: reviewer, body: rulesOfTests });
    const order = async (userId: string) =>
      (await client.order(saleId, userId, { key: `key-of-${userId}` })).id;
    const ids = { paid: await order('paid'), pending_payment: await order('pending_payment'),
      cancelled: await order('cancelled'), refunded: await order('refunded'),
      frozen: await order('frozen') };
    await client.pay(ids.paid, 'paid');
    await client.cancel(ids.cancelled, 'cancelled');
    const { paymentId, amount } = await client.pay(ids.refunded, 'refunded');
    await client.report('refund.succeeded', { orderId: ids.refunded, paymentId, ...amount });
    await client.buy(saleId, 'frozen', risky);
    for (const [status, id] of Object.entries(ids)) {
      await client.inStatus(id, status, status as keyof typeof ids);
    }
    return ids;
  }

  async function loseEverything(): Promise<void> {
    await Promise.all([deployment.killAll(), servers.killRedis(), servers.killMariadb()]);
    servers.emptyRedis();
    servers.emptyMariadb();
  }

  /** What the database has, be it a restored one that no process has seen yet. */
  async function writtenIds(): Promise<Set<string>> {
    const database = await deployment.connectDatabase();
    const [rows] = await database.query('SELECT rid FROM orders');
    await database.end();
    return new Set((rows as { rid: string }[]).map(({ rid }) => rid));
  }

  /** The crowd is told the truth: who is in the dump has his order, who is not may buy anew. */
  async function expectTruth(client: TestClient, saleId: string, crowd: Crowd,
    restored: ReadonlySet<string>): Promise<void> {
    const kept = crowd.acknowledged.filter(({ orderId }) => restored.has(orderId));
    const lost = crowd.acknowledged.filter(({ orderId }) => !restored.has(orderId));
    expect([kept.length > 0, lost.length > 0]).toEqual([true, true]);
    for (const { orderId, userId, key } of kept.slice(0, 20)) {
      const { status, body } = await client.buyInTheEnd(saleId, userId, { key });
      expect([status, body.id, body.status]).toEqual([200, orderId, 'pending_payment']);
    }
    for (const { orderId, userId, key } of lost.slice(0, 20)) {
      expect((await client.find(orderId, userId)).status).toBe(404);
      const { status, body } = await client.buyInTheEnd(saleId, userId, { key });
      expect(body.id).toBe(orderId);
      // 200 when an attempt that was not heard has its row already.
      expect([200, 202]).toContain(status);
    }
  }

  /** Takes most of the stock away, so that the crowd buys the rest. */
  async function takeAway(client: TestClient, saleId: string): Promise<void> {
    await until('the stock is lowered', async () => {
      const { redis: { available } } = await client.stock(saleId);
      return (await client.adjust(saleId, 300 - available)).status === 200;
    });
  }

  it('onto empty servers, amid a crowd: the sale goes on and sells exactly the rest', async () => {
    const { client } = await deployment.start();
    await deployment.start();
    const saleId = await client.openSale({ stock, limitPerUser: 3,
      protection: { risk: 'on' } });
    const ids = await everyStatus(client, saleId);
    const crowd = deployment.crowd(saleId);
    crowd.start(6);
    await crowd.acknowledge(100);
    await until('some of the crowd have rows', async () => {
      const written = await writtenIds();
      return crowd.acknowledged.filter(({ orderId }) => written.has(orderId)).length >= 50;
    });
    const dumpedAt = performance.now();
    await dump.make(deployment.config.databaseUrl);
    const dumpedForMs = performance.now() - dumpedAt;
    await crowd.acknowledge(50);
    await client.pay(ids.pending_payment, 'pending_payment');
    await loseEverything();

    const lostAt = performance.now();
    await Promise.all([servers.startMariadb(), servers.startRedis()]);
    await dump.restore(deployment.config.databaseUrl);
    await dump.giveTimeToPay(deployment.config.databaseUrl);
    const restoredAt = performance.now();
    const restored = await writtenIds();
    const [again] = await Promise.all([deployment.start(), deployment.start()]);
    await crowd.acknowledge(1);
    const soldAt = performance.now();
    const found = await until('nobody else reconciles', async () => {
      const answer = await again.client.reconcile(saleId);
      return answer.status === 200 && answer;
    });
    process.stdout.write(`All lost but a dump of ${restored.size} orders (made in ${
      Math.round(dumpedForMs)} ms): servers and rows back after ${
      seconds(restoredAt - lostAt)} s, first purchase after ${seconds(soldAt - lostAt)} s\n`);

    expect(found.body).toMatchObject({ items: [{ driftAfter: 0, consistentAfter: true }] });
    for (const [status, id] of Object.entries(ids)) {
      expect((await again.client.find(id, status)).body.status).toBe(status);
      const replay = await again.client.buyInTheEnd(saleId, status, { key: `key-of-${status}` });
      // Whoever is under suspicion still is.
      expect(replay.body.id ?? replay.body.code).toBe(status === 'frozen' ? 'BLACKLISTED' : id);
    }
    await expectTruth(again.client, saleId, crowd, restored);
    await takeAway(again.client, saleId);
    await crowd.sellOut();
    await crowd.finish();
    const { database, rows } = await checkBooks(deployment, saleId, []);
    expect(database.allocated).toBe(database.total);
    const written = new Set(rows.map(({ rid }) => rid));
    expect([...restored].filter((rid) => !written.has(rid))).toEqual([]);
  });

  it('while Redis has lived on: sells nothing until somebody decides about the rest', async () => {
    const before = await deployment.start();
    const saleId = await before.client.openSale({ stock: 30 });
    const { id: early } = await before.client.order(saleId, 'early');
    const crowd = deployment.crowd(saleId);
    await crowd.press(5);
    await checkBooks(deployment, saleId, crowd.acknowledged);
    await dump.make(deployment.config.databaseUrl);
    await before.client.pay(early, 'early');
    const { id: late } = await before.client.order(saleId, 'late');
    await before.client.pay(late, 'late');
    await crowd.press(5);
    await checkBooks(deployment, saleId, crowd.acknowledged);
    await servers.killRedis();
    await servers.startRedis();
    await until('its epoch has left that of the dump behind', async () =>
      (await checkBooks(deployment, saleId, crowd.acknowledged)).database.epoch > 1);
    await deployment.killAll();
    await dump.restore(deployment.config.databaseUrl);
    await dump.giveTimeToPay(deployment.config.databaseUrl);

    const { client } = await deployment.start();
    await until('the loss is in the metrics', async () => (await client.call('GET', '/metrics',
      { as: reviewer })).text.includes(`lost_orders{sale_id="${saleId}"} 7`));
    expect((await client.buy(saleId, 'new')).status).toBe(503);
    const path = `/admin/v1/sales/${saleId}/lost-orders`;
    const decided = await until('nobody else recovers the sale', async () => {
      const answer = await client.call('POST', path,
        { as: { userId: 'operator', roles: ['admin'] }, body: { decision: 'write_again' } });
      return answer.status !== 503 && answer;
    });
    expect(decided.body).toMatchObject({ lost: 7, writtenAgain: 7 });
    expect((await client.find(early, 'early')).body.status).toBe('paid');
    expect((await client.find(late, 'late')).body.status).toBe('paid');
    expect(await crowd.askAgain()).toEqual(crowd.acknowledged.map(({ orderId }) => orderId));
    await crowd.press(20);
    const { database } = await checkBooks(deployment, saleId, crowd.acknowledged);
    expect([database.allocated, crowd.acknowledged.length]).toEqual([30, 28]);
  });
});

describe('the database is restored from a dump and its binary log', () => {
  let servers: PrivateServers;
  let deployment: Deployment;

  beforeEach(async () => {
    servers = await PrivateServers.start({ mariadb: ['--log-bin=binlog', '--binlog-format=ROW',
      '--sync-binlog=1', '--server-id=1'] });
    deployment = await Deployment.create(servers, { environment: { DURABILITY: 'commit' } });
  });
  afterEach(async () => {
    await deployment.stop();
    await servers.stop();
  });

  it('DURABILITY is commit: whoever was told yes, before the dump or after it, has his order', async () => {
    const { config: { databaseUrl } } = deployment;
    const dump = new Dump(join(servers.folder, 'dump.sql'));
    const before = await deployment.start();
    const saleId = await before.client.openSale({ stock: 500 });
    const crowd = deployment.crowd(saleId);
    crowd.start(6);
    await crowd.acknowledge(60);
    await dump.make(databaseUrl, { withLog: true });
    const dumped = crowd.acknowledged.length;
    await crowd.acknowledge(60);
    await Promise.all([deployment.killAll(), servers.killRedis(), servers.killMariadb()]);
    const told = crowd.acknowledged.length;
    servers.emptyRedis();
    const logs = servers.saveBinaryLogs();
    servers.emptyMariadb();

    await Promise.all([servers.startMariadb(), servers.startRedis()]);
    await dump.restore(databaseUrl);
    await dump.repeatLog(databaseUrl, logs);
    await dump.giveTimeToPay(databaseUrl);
    await deployment.start();
    await crowd.sellOut();
    await crowd.finish();
    const { database } = await checkBooks(deployment, saleId, crowd.acknowledged);
    expect(database.allocated).toBe(500);
    expect(crowd.acknowledged.length).toBe(500);
    expect(told - dumped).toBeGreaterThanOrEqual(60);
  });
});

function seconds(milliseconds: number): string {
  return (milliseconds / 1_000).toFixed(1);
}
