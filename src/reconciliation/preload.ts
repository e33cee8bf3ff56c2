import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { Origin } from '../infra/audit';
import { ProblemError } from '../kernel';
import { SaleGate, SaleLife } from '../sale';
import { Recovery } from './recovery';

const patienceMs = 10_000;
const stepMs = 50;

/** Puts a sale on the gate ahead of its opening: the load of S11 for a sale without orders. */
@Injectable()
export class Preload {
  constructor(
    private readonly life: SaleLife,
    private readonly recovery: Recovery,
    private readonly gate: SaleGate,
  ) {}

  /**
   * Loads a sale; one that is loaded stays as it is. Resolves to the units on sale. Throws
   * NOT_FOUND, SALE_STATE_CONFLICT, or TEMPORARILY_UNAVAILABLE.
   */
  async preload(saleId: string, origin: Origin): Promise<{ saleId: string; available: number }> {
    await this.life.activate(saleId, origin);
    const deadline = performance.now() + patienceMs;
    while (await this.recovery.doubt(saleId) !== undefined) {
      if (performance.now() > deadline) {
        throw new ProblemError('TEMPORARILY_UNAVAILABLE',
          'The sale is still being loaded. Ask again.', { headers: { 'Retry-After': '1' } });
      }
      // Somebody else may be loading it: then wait for him.
      if (!await this.recovery.recover(saleId)) await sleep(stepMs);
    }
    const available = (await this.gate.available([saleId])).get(saleId);
    return { saleId, available: available ?? 0 };
  }
}
