import { type DynamicModule, Module } from '@nestjs/common';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { CircuitMetrics } from './circuit-metrics';
import { Metrics } from './metrics';
import { MetricsController } from './metrics.controller';
import { QueueMetrics } from './queue-metrics';
import { RequestMetrics } from './request-metrics';
import { Scrapes } from './scrapes';

/** `Metrics` for every module, and `GET /metrics`. */
@Module({})
export class MetricsModule {
  /** A new registry, with the process's own measurements, for one application. */
  static forApplication(): DynamicModule {
    const metrics = new Metrics();
    return {
      module: MetricsModule,
      global: true,
      imports: [PrometheusModule.register({
        controller: MetricsController,
        defaultMetrics: { enabled: true, config: { register: metrics.registry } },
      })],
      providers: [{ provide: Metrics, useValue: metrics }, RequestMetrics, QueueMetrics,
        CircuitMetrics, Scrapes],
      exports: [Metrics, Scrapes],
    };
  }
}
