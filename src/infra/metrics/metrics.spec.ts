import { Metrics } from './metrics';

describe('the metrics of several processes that share a port', () => {
  it('are not added up where every process sees the same, or says how it is', async () => {
    const metrics = await new Metrics().registry.getMetricsAsJSON();
    const addedUp = metrics.filter(({ type, aggregator }) =>
      String(type) === 'gauge' && aggregator === 'sum');
    expect(addedUp.map(({ name }) => name)).toEqual(['purchases_waiting', 'processes']);
  });
});
