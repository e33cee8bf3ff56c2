import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { testConfig } from '../../../test/support/stack';
import { until } from '../../../test/support/until';
import { Metrics } from '../metrics';
import { Overload } from './overload';

describe('overload', () => {
  let overload: Overload;
  let metrics: Metrics;

  function make(setting: 'on' | 'off'): void {
    metrics = new Metrics();
    overload = new Overload(testConfig({ OVERLOAD: setting, REDIS_URL: 'redis://127.0.0.1:1',
      DATABASE_URL: 'mysql://root@127.0.0.1:1/none' }), metrics);
    overload.onModuleInit();
  }

  beforeEach(() => { jest.spyOn(Logger.prototype, 'warn').mockReturnValue(); });

  afterEach(() => {
    overload.onModuleDestroy();
    jest.restoreAllMocks();
  });

  /** Keeps the event loop from everything else, slice after slice. */
  async function work(slices: number, sliceMs: number): Promise<void> {
    for (let slice = 0; slice < slices; slice += 1) {
      const sliceEnd = performance.now() + sliceMs;
      while (performance.now() < sliceEnd); // nothing else may run meanwhile
      await sleep(0);
    }
  }

  it('is noticed when the event loop is blocked again and again, and when that ends', async () => {
    make('on');
    await work(15, 200);
    expect(overload.level).toBe(2);
    expect(overload.pressure).toBeGreaterThan(0);
    const busy = await metrics.scrape();
    expect(busy).toMatch(/^overload_level 2$/m);
    expect([overload.reads.isOpen, busy.includes('circuit_open{dependency="reads"} 1')])
      .toEqual([true, true]);
    await until('it is calm again', async () => overload.level === 0, 45_000);
    const calm = await metrics.scrape();
    expect(calm).toMatch(/^overload_level 0$/m);
    expect([overload.reads.isOpen, calm.includes('circuit_open{dependency="reads"} 0')])
      .toEqual([false, true]);
  });

  it('is never noticed where OVERLOAD is off', async () => {
    make('off');
    await work(8, 200);
    overload.reportBacklog(1);
    expect([overload.level, overload.pressure]).toEqual([0, 0]);
  });

  it('is orders that are written late, the more the less the backlog has room', () => {
    make('on');
    const seen = [0.5, 0.8, 0.9, 1, 3].map((share) => {
      overload.reportBacklog(share);
      return [overload.level, Number(overload.pressure.toFixed(2))];
    });
    expect(seen).toEqual([[0, 0], [0, 0], [2, 0.5], [2, 1], [2, 1.9]]);
  });

  it('counts whom it refuses, and tells them when to come back', async () => {
    make('on');
    expect(overload.refuse('read', 2)).toMatchObject({ code: 'TEMPORARILY_UNAVAILABLE',
      headers: { 'Retry-After': '2' } });
    expect(await metrics.scrape()).toMatch(/^overload_shed_total\{kind="read"\} 1$/m);
  });
});
