import { AdmissionRedis, isCluster } from '../../../../src/infra/redis';
import type { TestProduct } from '../../../support/product';

const patienceMs = 45_000;

/**
 * Lets what stands before the stock wait for its answers for as long as a busy machine takes: what
 * it gives up after 1.5 s may have been counted all the same, and tests count exactly.
 */
export function makePatient(product: TestProduct): void {
  const { connection } = product.get(AdmissionRedis);
  if (!isCluster(connection)) connection.options.commandTimeout = patienceMs;
}
