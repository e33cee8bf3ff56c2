import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { HttpTestApplication } from '../../support/http-test-application';
import { until } from '../../support/until';

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

/** Resolves when the server has ended the connection. */
async function closed(socket: Socket): Promise<void> {
  socket.resume();
  // Not events.once: it would throw the reset that a byte too late is answered with.
  if (!socket.closed) await new Promise((resolve) => { socket.once('close', resolve); });
}

describe('a connection', () => {
  it('is ended when its request does not come in time; others are served meanwhile', async () => {
    const test = await HttpTestApplication.start();
    // Resolves to how long the server bore with it, which does not end by itself.
    const slow = slowStarts.map(async (start) => {
      const startedAt = performance.now();
      const socket = await open(test);
      socket.write(start);
      const drip = setInterval(() => socket.write('{'), 2_000);
      await closed(socket).finally(() => { clearInterval(drip); });
      return performance.now() - startedAt;
    });
    expect(await test.ask('/who')).toMatchObject({ status: 200 });
    for (const milliseconds of await Promise.all(slow)) {
      expect(milliseconds).toBeGreaterThanOrEqual(9_000);
    }
    await test.application.close();
  }, 50_000);

  it('is refused where MAX_CONNECTIONS are open, and welcome again when one has gone', async () => {
    const test = await HttpTestApplication.start({ MAX_CONNECTIONS: '2' });
    const [first, second] = [await open(test), await open(test)];
    const third = connect(Number(new URL(test.url).port), '127.0.0.1').on('error', () => undefined);
    sockets.push(third);
    await closed(third);
    expect([first.closed, second.closed]).toEqual([false, false]);
    first.destroy();
    await once(first, 'close');
    second.write('GET /who HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n');
    const [answer] = await once(second, 'data') as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 200 /);
    await until('others are welcome, too', () =>
      test.ask('/who').then(({ status }) => status === 200, () => false));
    await test.application.close();
  });
});
