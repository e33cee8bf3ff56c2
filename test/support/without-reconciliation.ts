import { getQueueToken } from '@nestjs/bullmq';
import type { Queue } from 'bullmq';
import { reconciliationQueue } from '../../src/reconciliation/look-again';
import type { TestProduct } from './product';
import { until } from './until';

/**
 * Does something while no worker reconciles: what two parts of the product would mend, only the other
 * one mends then.
 */
export async function withoutReconciliation<Result>(product: TestProduct,
  work: () => Promise<Result>): Promise<Result> {
  const queue = product.get<Queue>(getQueueToken(reconciliationQueue));
  await queue.pause();
  try {
    await until('none is under way', async () => await queue.getActiveCount() === 0, 60_000);
    return await work();
  } finally {
    await queue.resume();
  }
}
