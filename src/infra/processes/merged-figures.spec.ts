import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Figures } from './messages';
import { MergedFigures } from './merged-figures';

/** What a process has counted and sees now. */
function figures(counted: number, open: number): Promise<Figures> {
  const registry = new Registry();
  const registers = [registry];
  new Counter({ name: 'sold', help: 'Sold', labelNames: ['by'], registers }).inc({ by: 'us' }, counted);
  new Gauge({ name: 'open', help: 'Open', aggregator: 'max', registers }).set(open);
  const wait = new Histogram({ name: 'wait', help: 'Wait', buckets: [1, 2], registers });
  for (let times = 0; times < counted; times += 1) wait.observe(1.5);
  return registry.getMetricsAsJSON();
}

describe('the figures of several processes', () => {
  it('are added up or compared, as each metric says', async () => {
    const text = await new MergedFigures().text([await figures(2, 0), await figures(3, 1)]);
    expect(text).toMatch(/^sold\{by="us"\} 5$/m);
    expect(text).toMatch(/^open 1$/m);
    expect(text).toMatch(/^wait_bucket\{le="1"\} 0$/m);
    expect(text).toMatch(/^wait_bucket\{le="\+Inf"\} 5$/m);
    expect(text).toMatch(/^wait_sum 7.5$/m);
  });

  it('keep what the gone have counted, and not what they saw', async () => {
    const merged = new MergedFigures();
    merged.keep(await figures(2, 9));
    merged.keep(await figures(4, 9));
    const text = await merged.text([await figures(1, 0)]);
    expect(text).toMatch(/^sold\{by="us"\} 7$/m);
    expect(text).toMatch(/^open 0$/m);
    expect(text).toMatch(/^wait_count 7$/m);
  });
});
