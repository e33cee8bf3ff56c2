import { Logger } from '@nestjs/common';
import { Refresher } from './refresher';

describe('what a process keeps in memory', () => {
  let listeners: ((message: string) => void)[];
  let published: string[][];
  let reads: PromiseWithResolvers<void>[];
  let heard: string[];
  let warnings: unknown[];
  let refresher: Refresher;

  beforeEach(() => {
    jest.useFakeTimers();
    [listeners, published, reads, heard, warnings] = [[], [], [], [], []];
    const logger = new Logger('Test');
    jest.spyOn(logger, 'warn').mockImplementation((entry: unknown) => { warnings.push(entry); });
    refresher = new Refresher({
      subscribe: (_channel, listener) => { listeners.push(listener); },
      publish: (...message) => { published.push(message); },
    }, {
      channel: 'things', pollMs: 500, logger, complaint: 'things not read',
      heard: (message) => { heard.push(message); },
      read: () => {
        const read = Promise.withResolvers<void>();
        reads.push(read);
        return read.promise;
      },
    });
  });
  afterEach(() => {
    refresher.stop();
    jest.useRealTimers();
  });

  /** Ends the latest read and lets what waits for it go on. */
  async function end(error?: Error): Promise<void> {
    if (error) reads.at(-1)?.reject(error);
    else reads.at(-1)?.resolve();
    for (let turns = 0; turns < 10; turns += 1) await Promise.resolve();
  }

  it('is read by a statement that begins after it was asked for, one for all who ask meanwhile', async () => {
    const done: string[] = [];
    void refresher.refresh().then(() => done.push('first'));
    await Promise.resolve();
    void refresher.refresh().then(() => done.push('second'));
    void refresher.refresh().then(() => done.push('third'));
    expect(reads).toHaveLength(1);
    await end();
    expect([done, reads.length]).toEqual([['first'], 2]);
    await end();
    expect([done, reads.length]).toEqual([['first', 'second', 'third'], 2]);
  });

  it('is read at a message, and by a poll where a message is lost, until it is stopped', async () => {
    refresher.start();
    for (const listener of listeners) listener('thing-1');
    await Promise.resolve();
    expect([heard, reads.length]).toEqual([['thing-1'], 1]);
    await end();
    await jest.advanceTimersByTimeAsync(500);
    expect(reads).toHaveLength(2);
    await end();
    refresher.stop();
    await jest.advanceTimersByTimeAsync(5_000);
    expect(reads).toHaveLength(2);
  });

  it('is announced to all, and known here when that resolves', async () => {
    let isKnown = false;
    void refresher.announce('thing-2').then(() => { isKnown = true; });
    await Promise.resolve();
    expect([published, isKnown]).toEqual([[['things', 'thing-2']], false]);
    await end();
    expect(isKnown).toBe(true);
  });

  it('stands while it cannot be read, which is said once for each fault', async () => {
    for (const fault of ['gone', 'gone', 'not understood', undefined, 'gone']) {
      const refreshed = refresher.refresh();
      await Promise.resolve();
      await end(fault === undefined ? undefined : new Error(fault));
      await expect(refreshed).resolves.toBeUndefined();
    }
    expect(warnings).toEqual(['gone', 'not understood', 'gone'].map((message) =>
      ({ msg: 'things not read', err: new Error(message) })));
  });
});
