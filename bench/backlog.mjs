// Reservations pile up while no worker runs; then one worker process writes them all.
import { buyers, purchase } from './load.mjs';
import { openSale, rowsWritten, secret, startProduct, startServers } from './product.mjs';

/** Resolves to orders a second from the first committed row to the last. */
export async function drainBacklog(count) {
  const servers = await startServers();
  try {
    const api = await startProduct(servers.environment, 'api');
    const saleId = await openSale(api, count);
    const { requests: held } = await purchase(api, saleId, buyers(secret, count, 'backlog'));
    await api.stop();
    const worker = await startProduct(servers.environment, 'worker');
    await rowsWritten(servers.database, saleId, 1);
    const restMs = await rowsWritten(servers.database, saleId, held);
    await worker.stop();
    return held / (restMs / 1_000);
  } finally {
    await servers.stop();
  }
}
