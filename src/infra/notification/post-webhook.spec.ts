import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AddressRanges } from '../../kernel';
import { postWebhook } from './post-webhook';
import { PublicAddresses, type Resolve } from './public-addresses';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** A receiver on this machine, and what it received. */
async function listen(answer: RequestListener, address = '127.0.0.1', port = 0) {
  const requests: { url: string | undefined; body: string }[] = [];
  const server = createServer((request, response) => {
    const entry = { url: request.url, body: '' };
    requests.push(entry);
    request.on('data', (chunk: Buffer) => { entry.body += chunk.toString(); });
    request.on('end', () => { answer(request, response); });
  });
  servers.push(server);
  await once(server.listen(port, address), 'listening');
  return { requests, port: (server.address() as AddressInfo).port };
}

/** One at 127.0.0.2 and one at 127.0.0.1 on the same port, which another program may have there. */
async function listenTwice() {
  for (;;) {
    const outside = await listen(done, '127.0.0.2');
    const inside = await listen(done, '127.0.0.1', outside.port).catch(() => undefined);
    if (inside) return [outside, inside] as const;
  }
}

const done: RequestListener = (_request, response) => { response.writeHead(204).end(); };
const allowing = (ranges: string[], resolve?: Resolve) =>
  new PublicAddresses(new AddressRanges(ranges), resolve);
const ownMachine = allowing(['127.0.0.0/8']);

function post(url: string, addresses = ownMachine, timeoutMs = 45_000): Promise<void> {
  return postWebhook(new URL(url), { 'webhook-id': 'm1' }, '{"type":"test"}', addresses, timeoutMs);
}

describe('a webhook', () => {
  it('is delivered when the receiver says so', async () => {
    const { requests, port } = await listen(done);
    await post(`http://127.0.0.1:${port}/hook`);
    expect(requests).toEqual([{ url: '/hook', body: '{"type":"test"}' }]);
  });

  it.each([301, 302, 307, 308])('does not follow a redirect (%i)', async (status) => {
    const inside = await listen(done);
    const { port } = await listen((_request, response) => {
      response.writeHead(status, { location: `http://127.0.0.1:${inside.port}/inside` }).end();
    });
    await expect(post(`http://127.0.0.1:${port}`)).rejects.toThrow(`status ${status}`);
    expect(inside.requests).toEqual([]);
  });

  it.each([199, 400, 404, 410, 429, 500, 503])(
    'is not delivered by the status %i', async (status) => {
      const { port } = await listen((_request, response) => { response.writeHead(status).end(); });
      await expect(post(`http://127.0.0.1:${port}`)).rejects.toThrow(/status|socket hang up/);
    });

  it('waits for no body, however long the receiver sends one', async () => {
    const { port } = await listen((_request, response) => {
      response.writeHead(200);
      const timer = setInterval(() => { response.write('x'.repeat(64 * 1024)); }, 1);
      response.on('close', () => { clearInterval(timer); });
    });
    await post(`http://127.0.0.1:${port}`);
  });

  it('is given up when the receiver is silent', async () => {
    const { port } = await listen(() => undefined);
    await expect(post(`http://127.0.0.1:${port}`, ownMachine, 100))
      .rejects.toThrow('within 100 ms');
  });

  it('never shows the path of the receiver in what went wrong', async () => {
    const { port } = await listen((_request, response) => { response.writeHead(500).end(); });
    for (const url of [`http://127.0.0.1:${port}/s3cr3t`, 'http://127.0.0.1:1/s3cr3t',
      'http://10.0.0.1/s3cr3t', 'http://nowhere.invalid/s3cr3t']) {
      await expect(post(url, ownMachine, 5_000))
        .rejects.toThrow(expect.not.stringContaining('s3cr3t') as string);
    }
  });
});

describe('a webhook to the inside', () => {
  const nothingAllowed = allowing([]);

  it.each([['127.0.0.1', (port: number) => `http://127.0.0.1:${port}`],
    ['127.0.0.1', (port: number) => `http://2130706433:${port}`],
    ['127.0.0.1', (port: number) => `http://localhost:${port}`],
    ['::1', (port: number) => `http://[::1]:${port}`]] as const)(
    'does not reach %s', async (address, urlOf) => {
      const { requests, port } = await listen(done, address);
      await expect(post(urlOf(port), nothingAllowed)).rejects.toThrow('not public');
      expect(requests).toEqual([]);
    });

  it('goes to the very address that was checked, when the name changes its address meanwhile',
    async () => {
      const [outside, inside] = await listenTwice();
      let asked = 0;
      const rebinding: Resolve = () => {
        asked += 1;
        return Promise.resolve([{ address: asked === 1 ? '127.0.0.2' : '127.0.0.1', family: 4 }]);
      };
      const addresses = allowing(['127.0.0.2'], rebinding);
      await post(`http://hooks.example:${outside.port}`, addresses);
      expect([asked, outside.requests.length, inside.requests.length]).toEqual([1, 1, 0]);
      await expect(post(`http://hooks.example:${outside.port}`, addresses))
        .rejects.toThrow('not public');
      expect([asked, outside.requests.length, inside.requests.length]).toEqual([2, 1, 0]);
    });
});
