import { load } from 'js-yaml';
import { Metrics } from '../../src/infra/metrics';
import { read } from './source';

interface Rule {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; description: string };
}

const { groups } = load(read('docker/prometheus/alerts.yml')) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const operations = read('docs/operations.md');

/** Names of every series that a process shows, and of the one that Prometheus adds. */
async function seriesNames(): Promise<Set<string>> {
  const metrics = await new Metrics().registry.getMetricsAsJSON();
  return new Set(['up', ...metrics.flatMap(({ name, type }) => String(type) === 'histogram'
    ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name])]);
}

describe('the alerts for Prometheus', () => {
  it('look at series that exist', async () => {
    const known = await seriesNames();
    const asked = rules.flatMap(({ alert, expr }) => seriesIn(expr).map((name) => ({ alert, name })));
    expect(asked.length).toBeGreaterThanOrEqual(rules.length);
    expect(asked.filter(({ name }) => !known.has(name))).toEqual([]);
  });

  it('see the first event of a counter, which begins at 0', async () => {
    const text = await new Metrics().scrape();
    const counted = rules.flatMap(({ expr }) =>
      [...expr.matchAll(/(?:increase|rate)\((\w+_total\{[^}]*\})/g)].map(([, series]) => series));
    expect(counted.length).toBeGreaterThan(1);
    expect(counted.filter((series) => !text.includes(`${series} 0`))).toEqual([]);
  });

  it.each(rules)('$alert says what happened, how bad it is and what to do', ({ alert, labels,
    annotations: { summary, description } }) => {
    expect(alert).toMatch(/^Fairdrop[A-Z]\w+$/);
    expect(['warning', 'critical']).toContain(labels.severity);
    expect(summary).toMatch(/\S/);
    expect(description.length).toBeGreaterThan(40);
  });

  it('are those of the operations page, no more and no less', () => {
    const documented = [...operations.matchAll(/`(Fairdrop\w+)`/g)].map(([, name]) => name);
    expect([...new Set(documented)].sort()).toEqual(rules.map(({ alert }) => alert).sort());
  });
});

describe('the page of metrics', () => {
  const rows = [...read('docs/metrics.md').matchAll(/^\| `(\w+)` \| (\w+) \|([^|]*)\|/gm)]
    .map(([, name, type, labels = '']) => ({ name, type, labels: labels.trim() }));

  it('has every metric of the product, with its type and labels, and no other', async () => {
    const { registry } = new Metrics();
    const shown = (await registry.getMetricsAsJSON()).map(({ name, type }) => {
      const { labelNames } = registry.getSingleMetric(name) as unknown as { labelNames: string[] };
      return { name, type: String(type), labels: labelNames.join(', ') };
    });
    expect(new Map(rows.map((row) => [row.name, row])))
      .toEqual(new Map(shown.map((metric) => [metric.name, metric])));
  });

  it('asks for series that exist', async () => {
    const known = await seriesNames();
    const [, questions = ''] = /```promql\n([^]*?)```/.exec(read('docs/metrics.md')) ?? [];
    const asked = questions.trim().split('\n').flatMap(seriesIn);
    expect(asked.length).toBeGreaterThan(4);
    expect(asked.filter((name) => !known.has(name))).toEqual([]);
  });
});

/** Metric names: words that are neither functions, keywords, labels nor their values. */
function seriesIn(expression: string): string[] {
  const bare = expression.replace(/\{[^}]*\}/g, '').replace(/\[[^\]]*\]/g, '')
    .replace(/\bby\s*\([^)]*\)/g, '');
  return [...bare.matchAll(/[a-z_][a-z0-9_]*(?!\w*\s*\()/gi)].map(([word]) => word)
    .filter((word) => !/^(?:max|sum|abs|rate|increase|histogram_quantile|by|or|and|on)$/.test(word));
}
