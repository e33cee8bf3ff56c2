import { AdmissionRedis, isCluster } from '../../src/infra/redis';
import type { TestProduct } from './product';

const patienceMs = 45_000;

/**
 * Lets what stands before the stock wait for its answers for as long as a busy machine takes: what
 * it gives up after 1.5 s may have been counted all the same, and tests count exactly.
 */
export function makePatient(product: TestProduct): void {
  letStoreBeSlow(product.get(AdmissionRedis));
}

/** The same where there is no whole product. */
export function letStoreBeSlow({ connection }: AdmissionRedis): void {
  if (!isCluster(connection)) connection.options.commandTimeout = patienceMs;
}
