import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { HttpTestApplication } from '../../support/http-test-application';

/** What the product says at most about how long a request may take to arrive, with its slack. */
const patienceMs = 14_000;

/** Beginnings of requests whose head, or whose body, then comes byte by byte. */
const slowStarts = [
  'GET /who HTTP/1.1\r\nHost: shop\r\nX-Slow: ',
  'POST /sales/s1/orders HTTP/1.1\r\nHost: shop\r\nIdempotency-Key: k\r\n'
    + 'Content-Type: application/json\r\nContent-Length: 16\r\n\r\n',
];

const sockets: Socket[] = [];
afterEach(() => { for (const socket of sockets.splice(0)) socket.destroy(); });

async function open(test: HttpTestApplication): Promise<Socket> {
  const socket = connect(Number(new URL(test.url).port), '127.0.0.1').on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** Resolves to how long it took until the server ended the connection, in milliseconds. */
async function closedAfter(socket: Socket): Promise<number> {
  const startedAt = performance.now();
  socket.resume();
  // Not events.once: it would throw the reset that a byte too late is answered with.
  await new Promise((resolve) => { socket.once('close', resolve); });
  return performance.now() - startedAt;
}

describe('a connection', () => {
  it('is ended when its request does not come in time; others are served meanwhile', async () => {
    const test = await HttpTestApplication.start();
    const slow = slowStarts.map(async (start) => {
      const socket = await open(test);
      socket.write(start);
      const drip = setInterval(() => socket.write('{'), 2_000);
      return closedAfter(socket).finally(() => { clearInterval(drip); });
    });
    expect(await test.ask('/who')).toMatchObject({ status: 200 });
    for (const milliseconds of await Promise.all(slow)) {
      expect(milliseconds).toBeGreaterThanOrEqual(9_000);
      expect(milliseconds).toBeLessThan(patienceMs);
    }
    await test.application.close();
  }, 30_000);

  it('is refused where MAX_CONNECTIONS are open, and welcome again when one has gone', async () => {
    const test = await HttpTestApplication.start({ MAX_CONNECTIONS: '2' });
    const [first, second] = [await open(test), await open(test)];
    const third = await open(test);
    await closedAfter(third);
    expect([first.closed, second.closed]).toEqual([false, false]);
    first.destroy();
    await once(first, 'close');
    second.write('GET /who HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n');
    const [answer] = await once(second, 'data') as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 200 /);
    expect(await test.ask('/who')).toMatchObject({ status: 200 });
    await test.application.close();
  });
});
