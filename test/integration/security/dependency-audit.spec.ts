import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Audit {
  code: number;
  stdout: string;
  stderr: string;
}

/** It starts `npm`, which a busy machine takes its time for. */
jest.setTimeout(180_000);

let server: Server | undefined;
let cache: string;

beforeEach(async () => { cache = await mkdtemp(join(tmpdir(), 'fairdrop-audit-')); });

afterEach(async () => {
  server?.close();
  await rm(cache, { recursive: true });
});

/** A registry that answers every question about weaknesses so, and knows one version of all. */
async function registry(status: number, advisories: object): Promise<string> {
  server = createServer((request, response) => {
    const name = decodeURIComponent(request.url ?? '').slice(1);
    const version = '1.0.0';
    const packument = { name, 'dist-tags': { latest: version },
      versions: { [version]: { name, version } } };
    const isQuestion = request.method === 'POST';
    request.resume().on('end', () => {
      response.writeHead(isQuestion ? status : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(isQuestion ? advisories : packument));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function audit(url: string): Promise<Audit> {
  const env = { ...process.env, npm_config_registry: url, npm_config_fetch_retries: '0',
    npm_config_cache: cache };
  return new Promise((resolve) => {
    execFile('node', ['tools/audit.mjs'], { env, timeout: 150_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

const advisory = (severity: string) => ({ fastify: [{
  id: 1, url: 'https://advisories.example/1', title: 'A weakness', severity,
  vulnerable_versions: '>=0', cwe: [], cvss: { score: 8, vectorString: null },
}] });

describe('the audit of dependencies', () => {
  it('is content when the registry knows of nothing', async () => {
    const { code, stdout } = await audit(await registry(200, {}));
    expect([code, stdout])
      .toEqual([0, expect.stringMatching(/nothing high or critical in \d+ packages/)]);
  });

  it.each(['high', 'critical'])('fails and names the package when one is %s', async (severity) => {
    const { code, stdout, stderr } = await audit(await registry(200, advisory(severity)));
    expect([code, stdout + stderr]).toEqual([1, expect.stringContaining(`${severity}: fastify`)]);
  });

  it('leaves what is less than that to the next upgrade', async () => {
    expect((await audit(await registry(200, advisory('moderate')))).code).toBe(0);
  });

  it.each([404, 405])('says so where the registry has no audit (%i)', async (status) => {
    const { code, stdout } = await audit(await registry(status, {}));
    expect([code, stdout]).toEqual([0, expect.stringContaining(`NOT CHECKED`)]);
  });

  it('says so where there is no registry', async () => {
    const { code, stdout } = await audit('http://127.0.0.1:9');
    expect([code, stdout]).toEqual([0, expect.stringContaining('NOT CHECKED')]);
  });
});
