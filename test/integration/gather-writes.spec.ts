import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { gatherWrites } from '../../src/infra/redis/gather-writes';
import { type Server, startRedis } from '../../tools/lib/servers.mjs';

/** On a server of its own: it forgets its scripts here. */
describe('a connection that gathers its writes', () => {
  let folder: string;
  let server: Server;
  let redis: Redis;

  beforeAll(async () => {
    folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'fairdrop-gather-'));
    server = await startRedis({ dir: folder });
  });
  afterAll(async () => {
    server.kill();
    await server.exited;
    rmSync(folder, { recursive: true });
  });

  /** As the connections on which a command must not outlive its socket. */
  beforeEach(async () => {
    redis = new Redis(server.url, { autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0,
      retryStrategy: () => 20 });
    gatherWrites(redis);
    await redis.ping();
  });
  afterEach(() => { redis.disconnect(); });

  /** How many pieces leave while `ask` lasts. */
  async function piecesOf(ask: () => Promise<unknown>): Promise<number> {
    const { stream } = redis;
    const pieces = [jest.spyOn(stream, '_writev' as never), jest.spyOn(stream, '_write' as never)];
    await ask();
    const count = pieces.reduce((sum, { mock }) => sum + mock.calls.length, 0);
    for (const piece of pieces) piece.mockRestore();
    return count;
  }

  it('sends a hundred commands of one turn in one piece, and answers each', async () => {
    const words = Array.from({ length: 100 }, (_, index) => `word ${index}`);
    let echoes: string[] = [];
    expect(await piecesOf(async () => {
      echoes = await Promise.all(words.map((word) => redis.echo(word)));
    })).toBe(1);
    expect(echoes).toEqual(words);
  });

  it('keeps nobody waiting for the replies to an earlier piece', async () => {
    let isAnswered = false;
    redis.blpop('nothing-comes-here', 0).then(() => { isAnswered = true; }, () => undefined);
    expect(await piecesOf(async () => {
      for (let turn = 0; turn < 3; turn += 1) {
        redis.ping().catch(() => undefined);
        await new Promise((resolve) => { setImmediate(resolve); });
      }
    })).toBe(3);
    expect(isAnswered).toBe(false);
  });

  it('sends nothing on another socket than the one it was meant for', async () => {
    const lost = redis.incr('counted');
    redis.stream.destroy();
    await expect(lost).rejects.toThrow();
    expect(await redis.get('counted')).toBeNull();
    expect(await Promise.all([redis.incr('counted'), redis.echo('again')])).toEqual([1, 'again']);
  });

  it('runs scripts, also those that the server has forgotten', async () => {
    redis.defineCommand('addUp', { numberOfKeys: 0, lua: 'return ARGV[1] + ARGV[2]' });
    const { addUp } = redis as unknown as { addUp: (a: number, b: number) => Promise<number> };
    const sums = () => Promise.all([1, 2, 3].map((each) => addUp.call(redis, each, 10)));
    expect(await sums()).toEqual([11, 12, 13]);
    await redis.script('FLUSH');
    expect(await sums()).toEqual([11, 12, 13]);
  });
});
