import { once } from 'node:events';
import { createServer } from 'node:net';
import { Redis } from 'ioredis';
import { freePort } from '../../../tools/lib/servers.mjs';
import { closeForGood } from './close-for-good';

const pauseMs = 200;

describe('a connection to a server that has left', () => {
  let port: number;
  let connection: Redis;

  const heard = (event: string) => new Promise<void>((resolve) => {
    connection.once(event, () => { resolve(); });
  });

  beforeEach(async () => {
    port = await freePort();
    connection = new Redis({ port, host: '127.0.0.1', enableOfflineQueue: false,
      maxRetriesPerRequest: 0, retryStrategy: () => pauseMs });
    connection.on('error', () => undefined); // nobody listens there
    await heard('reconnecting');
  });

  afterEach(() => {
    if (connection.status !== 'end') connection.disconnect();
  });

  it('comes to its end when it is closed between two attempts', async () => {
    closeForGood(connection);
    await heard('end');
  });

  it('comes to its end, too, when a server is there again at the next attempt', async () => {
    const server = createServer((socket) => { socket.on('error', () => undefined).resume(); })
      .listen(port, '127.0.0.1');
    await once(server, 'listening');
    closeForGood(connection);
    await heard('end');
    server.close();
    await once(server, 'close'); // not before all of its sockets are
  });

  it('comes to its end when it is closed amid an attempt', async () => {
    await heard('connecting');
    closeForGood(connection);
    await heard('end');
  });
});
