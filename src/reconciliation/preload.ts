import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { Origin } from '../infra/audit';
import { ProblemError, TemporarilyUnavailable } from '../kernel';
import { SaleGate, SaleLife, stockIdsOf, unitsOf } from '../sale';
import { Doubts } from './doubts';
import { fewAtOnce } from './few-at-once';
import { Recovery } from './recovery';

const patienceMs = 10_000;
const stepMs = 50;
/** Segments of a sale. Each keeps a connection to the database. */
const loadedTogether = 8;

/** Puts a sale on the gate ahead of its opening: the load of S11 for a sale without orders. */
@Injectable()
export class Preload {
  constructor(
    private readonly life: SaleLife,
    private readonly doubts: Doubts,
    private readonly recovery: Recovery,
    private readonly gate: SaleGate,
  ) {}

  /**
   * Loads a sale; one that is loaded stays as it is. Resolves to the units on sale. Throws
   * NOT_FOUND, SALE_STATE_CONFLICT, or TEMPORARILY_UNAVAILABLE.
   */
  async preload(saleId: string, origin: Origin): Promise<{ saleId: string; available: number }> {
    const sale = await this.life.activate(saleId, origin);
    if (sale.retiredAtMs !== undefined) {
      throw new ProblemError('SALE_STATE_CONFLICT', 'The sale is over for good.');
    }
    const stockIds = stockIdsOf(sale);
    const deadline = performance.now() + patienceMs;
    await fewAtOnce(stockIds, loadedTogether, (stockId) => this.load(stockId, deadline));
    const available = unitsOf(sale, await this.gate.available(stockIds));
    if (available === undefined) throw notLoadedYet();
    return { saleId, available };
  }

  private async load(saleId: string, deadline: number): Promise<void> {
    while (await this.doubts.about(saleId) !== undefined) {
      if (performance.now() > deadline) throw notLoadedYet();
      // Somebody else may be loading it: then wait for him.
      if (!await this.recovery.recover(saleId)) await sleep(stepMs);
    }
  }
}

function notLoadedYet(): ProblemError {
  return new TemporarilyUnavailable('The sale is still being loaded. Ask again.');
}
