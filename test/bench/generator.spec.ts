import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Generator } from '../../bench/lib/load.mjs';
import { burst, evenArrivals } from '../../bench/lib/statistics.mjs';

const stallMs = 200;
const read = 'GET / HTTP/1.1\r\nhost: test\r\n\r\n';
const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';

describe('the load generator', () => {
  let generator: Generator;
  let server: Server;
  let reply: (socket: Socket) => void;
  const play = (...args: [string[], object?]) => generator.play(
    { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }, ...args);

  beforeAll(async () => {
    generator = new Generator();
    server = createServer((socket) => {
      socket.on('data', () => { reply(socket); });
      socket.on('error', () => undefined);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  afterAll(async () => {
    await generator[Symbol.asyncDispose]();
    server.close();
  });

  it('counts from when a request was due, although a stalled server held it up', async () => {
    let isFirst = true;
    reply = (socket) => {
      setTimeout(() => { socket.write(answer); }, isFirst ? stallMs : 0);
      isFirst = false;
    };
    const arrivals = evenArrivals(10, 100);
    const { tookMs } = await play(Array<string>(10).fill(read), { arrivals, connections: 1 });
    for (const [index, due] of arrivals.entries()) {
      expect(tookMs[index]).toBeGreaterThanOrEqual(stallMs - due - 2);
    }
  });

  it('sends a burst over all its connections without waiting for answers', async () => {
    const waiting: Socket[] = [];
    reply = (socket) => {
      waiting.push(socket);
      if (waiting.length === 20) for (const each of waiting) each.write(answer);
    };
    const { statuses } = await play(Array<string>(20).fill(read),
      { arrivals: burst(20), connections: 20 });
    expect([...statuses]).toEqual(Array(20).fill(200));
  });

  it('understands an answer that comes in pieces', async () => {
    reply = (socket) => {
      const pieces = [12, 20, 30, 44].map((end, index, ends) => answer.slice(ends[index - 1], end));
      for (const [index, piece] of [...pieces, answer.slice(44)].entries()) {
        setTimeout(() => { socket.write(piece); }, index * 10);
      }
    };
    const { bodies, bytesIn, bytesOut } = await play([read], { keepBodies: true });
    expect({ bodies, bytesIn, bytesOut })
      .toEqual({ bodies: ['hello'], bytesIn: answer.length, bytesOut: read.length });
  });

  it('keeps an example of each refusal, although nobody asked for bodies', async () => {
    reply = (socket) => { socket.write(answer.replace('200 OK', '503 Service Unavailable')); };
    const { statuses, examples } = await play([read, read]);
    expect({ statuses: [...statuses], examples })
      .toEqual({ statuses: [503, 503], examples: { 503: 'hello' } });
  });

  it('fails with what a server sent although nothing was asked', async () => {
    reply = (socket) => { socket.write(answer + answer.replace('200 OK', '408 Request Timeout')); };
    await expect(play([read, read], { connections: 1 }))
      .rejects.toThrow('an answer before the request: 408 hello');
  });

  it('fails when a request has no answer', async () => {
    reply = (socket) => { socket.destroy(); };
    await expect(play([read])).rejects.toThrow('closed before the answer');
  });
});
