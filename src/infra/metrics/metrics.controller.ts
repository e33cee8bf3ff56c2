import { Controller, Get, Header } from '@nestjs/common';
import { z } from 'zod';
import { Describe, Operations } from '../http';
import { Scrapes } from './scrapes';

@Operations()
@Controller()
export class MetricsController {
  constructor(private readonly scrapes: Scrapes) {}

  @Get()
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  @Describe({
    summary: 'Measurements in the text format of Prometheus',
    tag: 'operations',
    answers: { 200: { description: 'One scrape.', otherContent: { 'text/plain': z.string() } } },
  })
  scrape(): Promise<string> {
    return this.scrapes.text();
  }
}
