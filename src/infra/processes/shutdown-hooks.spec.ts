import { setImmediate as nextTurn } from 'node:timers/promises';
import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, NestFactory } from '@nestjs/core';
import { watchShutdownHooks } from './shutdown-hooks';

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

describe('the shutdown hooks that a stop waits for', () => {
  it('are those that have begun and not ended', async () => {
    const application = await NestFactory.createApplicationContext(Program, { logger: false });
    const slow = application.get(Slow);
    const open = watchShutdownHooks(application.get(DiscoveryService));
    const closed = application.close();
    await slow.begun.promise;
    await nextTurn(); // Those that end at once have ended.
    expect(open()).toEqual(['Slow.onApplicationShutdown']);
    slow.goOn.resolve();
    await closed;
    expect(open()).toEqual([]);
  });
});
