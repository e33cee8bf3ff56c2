import { Agent, get, type IncomingHttpHeaders } from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultProxy } from '../support/fault-proxy';
import { SeveralProcesses } from '../support/several-processes';
import { until } from '../support/until';

/** A restart of both, on a machine that does other things as well. */
const reloadTimeoutMs = 120_000;
/** Longer than a client stalls: each then hears in time that its connection is to be closed. */
const drainSeconds = '10';
/** So that connections rest between two requests, and the machine has time to start processes. */
const pauseMs = 10;
/** As long as a request and the news that a connection is closed are on their way. */
const delayMs = 15;

/** Requests until `stop`, each of which must be answered. */
class SteadyLoad {
  answered = 0;
  readonly failures: string[] = [];
  private isOver = false;
  private readonly loops: Promise<void>[];
  private readonly agents: Agent[];

  /** `keepAlive`: each client keeps its connection, instead of opening one for each request. */
  constructor(private readonly url: string, clients: number, keepAlive: boolean) {
    this.agents = Array.from({ length: clients }, () => new Agent({ keepAlive, maxSockets: 1 }));
    this.loops = this.agents.map((agent) => this.ask(agent));
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.loops);
    for (const agent of this.agents) agent.destroy();
  }

  private async ask(agent: Agent): Promise<void> {
    while (!this.isOver) {
      try {
        const { status } = await answerOf(this.url, agent);
        if (status !== 200) this.failures.push(`status ${status}`);
        this.answered += 1;
      } catch (error) {
        this.failures.push(String(error));
      }
      await sleep(pauseMs);
    }
  }
}

function answerOf(url: string, agent?: Agent, headers = {}):
Promise<{ status?: number; headers: IncomingHttpHeaders }> {
  const { promise, resolve, reject } =
    Promise.withResolvers<{ status?: number; headers: IncomingHttpHeaders }>();
  // Without an agent on a connection of its own, which nobody closes between two requests.
  get(url, { agent: agent ?? false, headers }, (response) => {
    response.resume().on('error', reject).on('end', () => {
      resolve({ status: response.statusCode, headers: response.headers });
    });
  }).on('error', reject);
  return promise;
}

jest.setTimeout(300_000);

const saleRequests = /route="\/v1\/sales"/;
const timeRequests = /route="\/v1\/time"/;

describe('several processes on one port', () => {
  let site: SeveralProcesses;

  beforeAll(async () => { site = await SeveralProcesses.start({ DRAIN_SECONDS: drainSeconds }); });
  afterAll(async () => { await site.drop(); });

  /** A process that is slow to answer a scrape counts with what it said before. */
  const untilTotal = (expected: number, name: string, labels?: RegExp) =>
    until(`${name} is ${expected}`, async () => await site.total(name, labels) === expected);

  it('share the buyers, and one scrape tells what all of them counted', async () => {
    const saleId = await site.client.openSale({ stock: 50 });
    const buyers = Array.from({ length: 40 }, (_, index) => `buyer-${index}`);
    const answers = await Promise.all(buyers.map((buyer) => site.client.buy(saleId, buyer)));
    expect(answers.filter(({ status }) => status === 202 || status === 201)).toHaveLength(40);
    await until('all are counted', async () =>
      await site.total('http_request_duration_seconds_count', /method="POST".*orders.*2xx/) >= 40);
    await untilTotal(40, 'purchase_requests_total');
    // Not added up: every process reads the same stock.
    await untilTotal(10, 'stock_remaining', new RegExp(saleId));
    await untilTotal(2, 'processes');
    await until('both have said that they sold', async () => new Set(site.said('request')
      .filter(({ route }) => route?.endsWith('/orders')).map(({ pid }) => pid)).size === 2);
  });

  it('go on when one is killed, which is replaced, and forget nothing that was counted', async () => {
    const [victim = 0, survivor] = site.pids();
    // One connection each, so that both have something to forget.
    await Promise.all(Array.from({ length: 10 }, () => answerOf(`${site.url}/v1/sales`)));
    const before = await until('all are counted', async () => {
      const count = await site.total('http_request_duration_seconds_count', saleRequests);
      return count >= 10 && count;
    });
    const starts = site.readyPids().length;
    process.kill(victim, 'SIGKILL');
    await until('its end is noticed', async () =>
      site.said('process died').some(({ diedPid }) => diedPid === victim));
    expect((await answerOf(`${site.url}/openapi.json`)).status).toBe(200);
    await until('another one serves', async () => site.readyPids().length > starts);
    expect(site.pids()).toContain(survivor);
    await untilTotal(2, 'processes');
    await untilTotal(before, 'http_request_duration_seconds_count', saleRequests);
  });

  it('are replaced at SIGHUP without a request lost or a count forgotten', async () => {
    const before = site.pids();
    const reloads = site.said('reloaded').length;
    const slowWay = await FaultProxy.start(Number(new URL(site.url).port));
    slowWay.delay(delayMs);
    const loads = [new SteadyLoad(`${slowWay.url('http')}/v1/time`, 4, true),
      new SteadyLoad(`${site.url}/v1/time`, 2, false)];
    const answeredSoFar = () => loads.reduce((sum, load) => sum + load.answered, 0);
    site.signal('SIGHUP');
    await until('all are replaced under load', async () =>
      site.said('reloaded').length > reloads && answeredSoFar() > 100, reloadTimeoutMs)
      .finally(() => Promise.all(loads.map((load) => load.stop())));
    await slowWay.stop();
    expect(loads.flatMap(({ failures }) => failures)).toEqual([]);
    await until('two new ones serve', async () => site.pids().length === 2);
    expect(site.pids().filter((pid) => before.includes(pid))).toEqual([]);
    // Nobody else has asked for the time so far.
    await untilTotal(answeredSoFar(), 'http_request_duration_seconds_count', timeRequests);
  });

  it('stay when those that should replace them cannot start, and later take the new .env', async () => {
    const before = site.pids();
    const reloads = site.said('reloaded').length;
    site.writeEnvironmentFile('CORS_ORIGINS=nonsense');
    site.signal('SIGHUP');
    await until('it is given up', async () => site.said('reload given up').length > 0,
      reloadTimeoutMs);
    expect(site.pids()).toEqual(before);
    const origin = 'https://shop.example';
    site.writeEnvironmentFile(`CORS_ORIGINS=${origin}`);
    site.signal('SIGHUP');
    await until('all are replaced', async () => site.said('reloaded').length > reloads, reloadTimeoutMs);
    expect(site.said('reloaded')).toHaveLength(reloads + 1);
    expect(site.pids()).toHaveLength(2);
    expect(site.pids().filter((pid) => before.includes(pid))).toEqual([]);
    const { headers } = await answerOf(`${site.url}/v1/time`, undefined, { origin });
    expect(headers['access-control-allow-origin']).toBe(origin);
  });

  it('turn unready at SIGTERM, answer on, and end with exit code 0', async () => {
    const pids = site.pids();
    const deaths = site.said('process died').length;
    site.signal('SIGTERM');
    await until('they are unready', async () =>
      (await answerOf(`${site.url}/health/ready`)).status === 503);
    expect((await answerOf(`${site.url}/v1/time`)).status).toBe(200);
    expect(await site.exit).toBe(0);
    expect(pids).toHaveLength(2);
    expect(site.pids()).toEqual([]);
    expect(site.said('process died')).toHaveLength(deaths);
  });
});

describe('the primary of several processes', () => {
  let site: SeveralProcesses;

  afterEach(async () => { await site.drop(); });

  it('leaves nobody behind when it is killed', async () => {
    site = await SeveralProcesses.start({ DRAIN_SECONDS: '0' });
    expect(site.pids()).toHaveLength(2);
    site.signal('SIGKILL');
    await until('its processes are gone', async () => site.pids().length === 0);
    await until('each has finished what it did', async () => site.said('stopped').length === 2);
  });

  it('says once what is wrong with its configuration, and exits 1', async () => {
    site = await SeveralProcesses.launch({ PORT: 'eighty' });
    expect(await site.exit).toBe(1);
    expect((await site.errors).match(/^PORT: /gm)).toHaveLength(1);
  });

  it('says once why its processes cannot start, and exits as they do', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    site = await SeveralProcesses.launch({ PORT: String(port) });
    expect(await site.exit).toBe(1);
    await until('it has said why', async () => site.said('start failed').length > 0);
    expect(site.said('start failed')).toHaveLength(1);
    other.close();
  });

  it('closes a connection that no process has room for at once', async () => {
    site = await SeveralProcesses.start({ MAX_CONNECTIONS: '1', DRAIN_SECONDS: '0' });
    const port = Number(new URL(site.url).port);
    const full = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
    await Promise.all(full.map((socket) => once(socket, 'connect')));
    // It may as well be reset: `once` would take that for a fault.
    const closed = (socket: Socket) => new Promise<void>((resolve) => {
      socket.resume().on('error', () => undefined).once('close', () => { resolve(); });
    });
    const isRoomMade = Promise.race(full.map(closed)).then(() => true);
    const further = closed(connect(port, '127.0.0.1')).then(() => false);
    // Not only when those that say nothing have used up their 10 s and are closed themselves.
    expect(await Promise.race([further, isRoomMade])).toBe(false);
    for (const socket of full) socket.destroy();
    await until('there is room again', async () => {
      const answer = await answerOf(`${site.url}/v1/time`).catch(() => undefined);
      return answer?.status === 200;
    });
  });
});
