import { scenario } from '../support/scenario';

for (const seconds of [3, 15, 60]) {
  scenario(`Redis is killed for ${seconds} s: the sale reopens by itself, and nothing is lost`,
    { row: `Redis kill -9, ${seconds} s`, short: seconds === 3, timeoutSeconds: 300 },
    async (stage) => {
      await stage.pass(stage.random.integer(0, 300));
      await stage.inject('Redis is killed', () => stage.servers.killRedis());
      await stage.pass(seconds * 1_000);
      await stage.heal(() => stage.servers.startRedis());
    });
}

scenario('Redis comes back without its latest writes: nothing is sold twice',
  { row: 'Redis power loss: its file is cut at random', short: true, mayLose: true },
  async (stage) => {
    const { servers, random } = stage;
    await stage.inject('Redis loses power', () => servers.killRedis());
    servers.cutRedis(random.real(0, 0.9));
    await stage.heal(() => servers.startRedis());
  });

scenario('Redis hangs: who is told to come back is served, once',
  { row: 'Redis hangs (SIGSTOP), 3 s', short: true }, async (stage) => {
    const { client, saleId } = stage;
    await stage.inject('Redis is frozen', () => { stage.servers.freezeRedis(); });
    const { status, body, headers } = await client.buy(saleId, 'alice');
    expect([status, body.code, headers['retry-after']])
      .toEqual([503, 'TEMPORARILY_UNAVAILABLE', '1']);
    await stage.pass(2_000);
    await stage.heal(() => { stage.servers.thawRedis(); });
  });

scenario('the scripts of Redis are flushed under load: every purchase is answered once',
  { row: 'SCRIPT FLUSH under load', short: true }, async (stage) => {
    for (let flushes = 0; flushes < 5; flushes += 1) {
      await stage.inject('scripts are flushed', () => stage.deployment.redis.script('FLUSH'));
      await stage.crowd.acknowledge(stage.random.integer(1, 30));
    }
    await stage.heal(() => undefined);
  }, (_stage, { books }) => {
    expect(books.rows.filter(({ status }) => status === 'rejected')).toEqual([]);
  });
