import { setImmediate as nextTurn } from 'node:timers/promises';
import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { DiscoveryModule, NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { watchShutdown } from './watch-shutdown';

/** Stops when a test says so. */
class Slow implements OnApplicationShutdown {
  readonly begun = Promise.withResolvers<void>();
  readonly goOn = Promise.withResolvers<void>();

  async onApplicationShutdown(): Promise<void> {
    this.begun.resolve();
    await this.goOn.promise;
  }
}

class Quick implements OnApplicationShutdown {
  onApplicationShutdown(): void {
    // Nothing to end.
  }
}

@Module({ imports: [DiscoveryModule], providers: [Slow, Quick] })
class Program {}

describe('the steps that a stop waits for', () => {
  it('are those that have begun and not ended', async () => {
    const application = await NestFactory.create(Program, new FastifyAdapter(), { logger: false });
    await application.init();
    const slow = application.get(Slow);
    const open = watchShutdown(application);
    const closed = application.close();
    await slow.begun.promise;
    await nextTurn(); // Those that end at once have ended.
    expect(open()).toEqual(['Slow.onApplicationShutdown']);
    slow.goOn.resolve();
    await closed;
    expect(open()).toEqual([]);
  });
});
