import { Controller, Get, Header } from '@nestjs/common';
import { z } from 'zod';
import { Describe, Operations } from '../http';
import { Metrics } from './metrics';

@Operations()
@Controller()
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  @Get()
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  @Describe({
    summary: 'Measurements in the text format of Prometheus',
    tag: 'operations',
    answers: { 200: { description: 'One scrape.', otherContent: { 'text/plain': z.string() } } },
  })
  scrape(): Promise<string> {
    return this.metrics.scrape();
  }
}
