import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Database } from '../database';
import { AdmissionRedis } from '../redis';
import { Metrics } from './metrics';

/** Says, when somebody scrapes, which parts are left alone at the moment. */
@Injectable()
export class CircuitMetrics implements OnModuleInit {
  constructor(
    private readonly metrics: Metrics,
    private readonly redis: AdmissionRedis,
    private readonly database: Database,
  ) {}

  onModuleInit(): void {
    const circuits = { 'redis-admission': this.redis.circuit, 'database': this.database.circuit };
    this.metrics.onScrape(async () => {
      for (const [dependency, circuit] of Object.entries(circuits)) {
        this.metrics.circuitOpen.set({ dependency }, circuit.isOpen ? 1 : 0);
      }
    });
  }
}
