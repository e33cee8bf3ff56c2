import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultProxy } from './fault-proxy';
import { until } from './until';

/** Answers every line with its name and the line. */
async function startEcho(name: string): Promise<{ server: Server; port: number; lines: string[] }> {
  const lines: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined).on('data', (data) => {
      for (const line of String(data).split('\n').filter(Boolean)) {
        lines.push(line);
        socket.write(`${name} ${line}\n`);
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, lines, port: (server.address() as AddressInfo).port };
}

class Caller {
  received = '';
  isClosed = false;
  private readonly socket: Socket;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1').on('error', () => undefined)
      .on('data', (data) => { this.received += String(data); })
      .on('close', () => { this.isClosed = true; });
  }

  say(line: string): void {
    this.socket.write(`${line}\n`);
  }

  hears(text: string): Promise<boolean> {
    return until(`it hears ${text}`, async () => this.received === text);
  }

  isCut(): Promise<boolean> {
    return until('it is cut', async () => this.isClosed);
  }

  end(): void {
    this.socket.destroy();
  }
}

describe('the proxy of the fault tests', () => {
  let echo: Awaited<ReturnType<typeof startEcho>>;
  let proxy: FaultProxy;
  let caller: Caller;

  beforeEach(async () => {
    echo = await startEcho('first');
    proxy = await FaultProxy.start(echo.port);
    caller = new Caller(proxy.port);
  });

  afterEach(async () => {
    caller.end();
    await proxy.stop();
    echo.server.close();
  });

  it('carries bytes both ways', async () => {
    caller.say('one');
    await caller.hears('first one\n');
    expect([proxy.accepted, proxy.url('redis')]).toEqual([1, `redis://127.0.0.1:${proxy.port}`]);
  });

  it('delays both ways, each by as much, and keeps the order', async () => {
    proxy.delay([40, 80]);
    const startedAt = performance.now();
    caller.say('one');
    await until('it has arrived', async () => echo.lines.length === 1);
    caller.say('two');
    await caller.hears('first one\nfirst two\n');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(118);
  });

  it('delays what is under way together together, not one after the other', async () => {
    const other = new Caller(proxy.port);
    await until('both are connected', async () => proxy.accepted === 2);
    proxy.delay(100);
    for (let line = 0; line < 20; line += 1) {
      caller.say(String(line));
      await sleep(5); // most lines travel alone
    }
    // Three times there and back, as long as six delays: twenty in a row would take far longer.
    for (const heard of ['first a\n', 'first a\nfirst a\n', 'first a\nfirst a\nfirst a\n']) {
      other.say('a');
      await other.hears(heard);
    }
    expect(caller.received.split('\n')).toHaveLength(21);
    other.end();
  });

  it('cuts what is connected and takes new connections', async () => {
    caller.say('one');
    await caller.hears('first one\n');
    proxy.cut();
    await caller.isCut();
    caller = new Caller(proxy.port);
    caller.say('two');
    await caller.hears('first two\n');
  });

  it('refuses like a server that is down, and accepts on the same port', async () => {
    await proxy.refuse();
    await caller.isCut();
    const refused = new Caller(proxy.port);
    await refused.isCut();
    await proxy.accept();
    caller = new Caller(proxy.port);
    caller.say('one');
    await caller.hears('first one\n');
  });

  it('takes bytes without passing them on while it hangs, and delivers them later', async () => {
    caller.say('one');
    await caller.hears('first one\n');
    proxy.hang();
    caller.say('two');
    const late = new Caller(proxy.port);
    late.say('three');
    await until('the late one is connected', async () => proxy.accepted === 2);
    // Another way to the same server answers: what is not there has had its time.
    const other = await FaultProxy.start(echo.port);
    const witness = new Caller(other.port);
    witness.say('four');
    await witness.hears('first four\n');
    expect([caller.received, caller.isClosed, late.received]).toEqual(['first one\n', false, '']);
    expect(echo.lines).toEqual(['one', 'four']);
    proxy.flow();
    await caller.hears('first one\nfirst two\n');
    await late.hears('first three\n');
    late.end();
    witness.end();
    await other.stop();
  });

  it('strands what is connected without a word, while new connections work', async () => {
    caller.say('one');
    await caller.hears('first one\n');
    proxy.strand();
    caller.say('two');
    const late = new Caller(proxy.port);
    late.say('three');
    await late.hears('first three\n');
    expect([caller.received, caller.isClosed, echo.lines])
      .toEqual(['first one\n', false, ['one', 'three']]);
    late.end();
  });

  it('loses the reply to a text after the server has done its work, once', async () => {
    proxy.dropReply('two');
    caller.say('one');
    await caller.hears('first one\n');
    caller.say('two');
    await caller.isCut();
    expect([caller.received, echo.lines, proxy.droppedReplies])
      .toEqual(['first one\n', ['one', 'two'], 1]);
    caller = new Caller(proxy.port);
    caller.say('two');
    await caller.hears('first two\n');
  });

  it('loses the nth reply from then on', async () => {
    proxy.dropReply('one', 2);
    caller.say('one');
    await caller.hears('first one\n');
    caller.say('two');
    await caller.isCut();
    expect(echo.lines).toEqual(['one', 'two']);
  });

  it('leads new connections to another server, and the old ones when they are cut', async () => {
    const second = await startEcho('second');
    caller.say('one');
    await caller.hears('first one\n');
    proxy.retarget(second.port);
    caller.say('two');
    await caller.hears('first one\nfirst two\n');
    proxy.cut();
    await caller.isCut();
    caller = new Caller(proxy.port);
    caller.say('three');
    await caller.hears('second three\n');
    second.server.close();
  });
});
