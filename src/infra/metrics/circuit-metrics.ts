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
    this.metrics.onScrape(async () => {
      const open = { 'redis-admission': this.redis.isOpenCircuit,
        'database': this.database.circuit.isOpen };
      for (const [dependency, isOpen] of Object.entries(open)) {
        this.metrics.circuitOpen.set({ dependency }, isOpen ? 1 : 0);
      }
    });
  }
}
