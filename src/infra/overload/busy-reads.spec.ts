import fastify, { type FastifyInstance } from 'fastify';
import type { HttpAdapterHost } from '@nestjs/core';
import { testConfig } from '../../../test/support/stack';
import { Metrics } from '../metrics';
import { BusyReads } from './busy-reads';
import { Overload } from './overload';

const etag = '"the-same"';

describe('a read of a busy process', () => {
  let server: FastifyInstance;
  let url: string;
  let nowMs: number;

  beforeEach(async () => {
    nowMs = 50_000;
    jest.spyOn(performance, 'now').mockImplementation(() => nowMs);
    const overload = new Overload(testConfig({ REDIS_URL: 'redis://127.0.0.1:1',
      DATABASE_URL: 'mysql://root@127.0.0.1:1/none' }), new Metrics());
    overload.reads.hold(true);
    server = fastify();
    new BusyReads({ httpAdapter: { getInstance: () => server } } as HttpAdapterHost, overload)
      .onModuleInit();
    server.get('/:name', { config: { shedWhenBusy: true } }, (request, reply) => {
      void reply.header('etag', etag);
      if (request.headers['if-none-match'] === etag) void reply.code(304).send();
      else void reply.send('the answer');
    });
    url = await server.listen({ port: 0, host: '127.0.0.1' });
  });

  afterEach(async () => {
    await server.close();
    jest.restoreAllMocks();
  });

  const read = async (name: string, headers: Record<string, string> = {}) =>
    (await fetch(`${url}/${name}`, { headers })).status;

  /** Nothing that is not known is learned any more in this second. */
  async function useUpLessons(): Promise<void> {
    for (let lesson = 0; lesson < 10; lesson += 1) await read(`stranger-${lesson}`);
  }

  it.each([['asked for the answer', {}], ['asked whether his is still right', { 'if-none-match': etag }]])(
    'is answered from memory as long as readers ask whether theirs is right, when the first %s',
    async (_, first) => {
      await read('sale', first);
      for (let second = 0; second < 12; second += 1) {
        nowMs += 1_000;
        expect([200, 304]).toContain(await read('sale', { 'if-none-match': etag }));
      }
      await useUpLessons();
      expect([await read('stranger'), await read('sale')]).toEqual([503, 200]);
    });
});
