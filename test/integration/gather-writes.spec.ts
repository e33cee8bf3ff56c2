import { Redis } from 'ioredis';
import { gatherWrites } from '../../src/infra/redis/gather-writes';

describe('a connection that gathers its writes', () => {
  let redis: Redis;

  beforeEach(async () => {
    redis = new Redis(process.env.TEST_REDIS_URL ?? '', { retryStrategy: () => 20 });
    gatherWrites(redis);
    await redis.ping();
  });
  afterEach(() => { redis.disconnect(); });

  /** How many pieces the commands of `ask` left in. */
  async function piecesOf(ask: () => Promise<unknown>): Promise<number> {
    const { stream } = redis;
    const together = jest.spyOn(stream, '_writev' as never);
    const alone = jest.spyOn(stream, '_write' as never);
    await ask();
    const pieces = together.mock.calls.length + alone.mock.calls.length;
    together.mockRestore();
    alone.mockRestore();
    return pieces;
  }

  it('sends a hundred commands of one turn in one piece, and answers each', async () => {
    const echoes: Promise<string>[] = [];
    const pieces = await piecesOf(async () => {
      for (let i = 0; i < 100; i += 1) echoes.push(redis.echo(`word ${i}`));
      await Promise.all(echoes);
    });
    expect(await Promise.all(echoes)).toEqual(Array.from({ length: 100 }, (_, i) => `word ${i}`));
    expect(pieces).toBe(1);
  });

  it('keeps nobody waiting for the replies to an earlier batch', async () => {
    const slow = redis.blpop('nothing-ever-comes-here', 0.2);
    let isAnswered = false;
    void slow.then(() => { isAnswered = true; });
    const pieces = await piecesOf(async () => {
      for (let turn = 0; turn < 3; turn += 1) {
        void redis.ping();
        await new Promise((resolve) => { setImmediate(resolve); });
      }
    });
    expect({ pieces, isAnswered }).toEqual({ pieces: 3, isAnswered: false });
    await slow;
  });

  it('goes on after its socket broke with commands on their way', async () => {
    const lost = redis.ping().catch((error: Error) => error.message);
    redis.stream.destroy();
    expect(await lost).toEqual(expect.any(String));
    const answers = await Promise.all([redis.ping(), redis.echo('again')]);
    expect(answers).toEqual(['PONG', 'again']);
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
