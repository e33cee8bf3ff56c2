import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection, type Connection } from 'mysql2/promise';
import type { AppConfig } from '../../src/config';
import { startEdge, type Edge } from '../../tools/lib/edge.mjs';
import { freePort } from '../../tools/lib/servers.mjs';
import { TestClient } from './client';
import { createInstallation, type Installation } from './product';
import { ProductProcess } from './product-process';
import { testConfig, testEnvironment } from './stack';

/** A header that stands for another address: loopback has one of IPv6, and a network needs many. */
export const testAddressHeader = 'x-test-address';

/** A line of the edge's access log. */
interface LogLine { client: string; method: string; path: string; status: number; cache: string }

/** Two processes, of which the first works, too, behind nginx with the product's own configuration of it. */
export class EdgeSite {
  private readonly clients: TestClient[] = [];

  private constructor(
    private readonly installation: Installation,
    private readonly folder: string,
    readonly config: AppConfig,
    readonly processes: readonly ProductProcess[],
    readonly edge: Edge,
    readonly rows: Connection,
  ) {}

  static async start(environment: Record<string, string> = {}): Promise<EdgeSite> {
    const installation = await createInstallation();
    const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'fairdrop-edge-'));
    const shared = testEnvironment({ ...installation.environment, TRUST_PROXY: '127.0.0.1',
      LOG_LEVEL: 'warn', ...environment });
    const config = testConfig(shared);
    const ports = [await freePort(), await freePort()];
    const processes = ports.map((port, index) => new ProductProcess(
      { ...shared, PORT: String(port), ROLES: index === 0 ? 'api,worker' : 'api' }, config, folder));
    await Promise.all(processes.map(({ ready }) => ready));
    const edge = await startEdge({ dir: join(folder, 'edge'), upstreams: ports,
      settings: `set_real_ip_from 127.0.0.1; real_ip_header ${testAddressHeader};` });
    const rows = await createConnection({ uri: config.databaseUrl });
    return new EdgeSite(installation, folder, config, processes, edge, rows);
  }

  /** A client of the outer door who has this address; of 127.0.0.1 any, by `testAddressHeader`. */
  from(localAddress: string): TestClient {
    const client = new TestClient(this.edge.url, this.config, 45_000, localAddress);
    this.clients.push(client);
    return client;
  }

  /** A process itself: for what the edge does not let through. */
  get direct(): TestClient {
    const [first] = this.processes;
    if (first === undefined) throw new Error('There is no process');
    return first.client;
  }

  /** How many requests of this route have reached the processes. */
  async requestsOf(route: string): Promise<number> {
    const pages = await Promise.all(this.processes.map(({ client }) =>
      client.call('GET', '/metrics')));
    return pages.flatMap(({ text }) => text.split('\n'))
      .filter((line) => line.startsWith('http_request_duration_seconds_count')
        && line.includes(`route="${route}"`))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** What the edge has logged so far; the last second may be missing. */
  log(): LogLine[] {
    return readFileSync(this.edge.accessLog, 'utf8').split('\n').filter(Boolean)
      .map((line) => JSON.parse(line) as LogLine);
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.close();
    await this.edge.stop();
    await Promise.all(this.processes.map((process) => process.end()));
    await this.rows.end();
    await this.installation.drop();
    rmSync(this.folder, { recursive: true });
  }
}
