// The funnel switched off and on: two installations beside each other, measured in turn.
import { blacklist, openSale, rowsWritten, secret, startProduct, startServers }
  from './product.mjs';
import { buyers, flood, purchase, withSaleTokens } from './load.mjs';

/** What switches every layer of the funnel off. */
export const funnelOff = { THROTTLE_USER: 'off', THROTTLE_IP: 'off', THROTTLE_DEVICE: 'off',
  RISK: 'off', CAPTCHA: 'off', HOLDS_PER_USER: 'off', HOLDS_PER_DEVICE: 'off' };

/** A product of its own with these settings, and what it asks of its buyers. */
async function startInstallation(settings, protection) {
  const servers = await startServers();
  const product = await startProduct({ ...servers.environment, ...settings }, 'api,worker')
    .catch(async (error) => {
      await servers.stop();
      throw error;
    });
  return {
    product,
    /** A purchase by every buyer, and then by as many who come too late; all rows are written. */
    async sell(name, count) {
      const saleId = await openSale(product, count, { protection });
      const crowd = async (prefix) => {
        const made = buyers(secret, count, `${prefix}-${name}`);
        return protection.saleToken ? withSaleTokens(product, saleId, made) : made;
      };
      const [winners, losers] = [await crowd('early'), await crowd('late')];
      const startedAt = performance.now();
      const accepted = await purchase(product, saleId, winners);
      expectOnly(accepted, '202');
      await rowsWritten(servers.database, saleId, accepted.requests);
      accepted.rowsPerSecond = accepted.requests / ((performance.now() - startedAt) / 1_000);
      const soldOut = await purchase(product, saleId, losers);
      expectOnly(soldOut, '409');
      return { accepted, soldOut };
    },
    async stop() {
      await product.stop();
      await servers.stop();
    },
  };
}

export const startWithoutFunnel = () => startInstallation(funnelOff, {});
/** As it is by default, for a sale that asks for sale tokens. */
export const startWithFunnel = () => startInstallation({}, { saleToken: true });

/** A flood of one buyer whom the blacklist names, and one of a buyer who asks too often. */
export async function floods({ product }, name, count) {
  const saleId = await openSale(product, 1, { protection: { saleToken: true } });
  const [listed, hasty] = buyers(secret, 2, `flood-${name}`);
  await blacklist(product, listed.userId);
  const blacklisted = await flood(product, saleId, listed, count);
  expectOnly(blacklisted, '403');
  // Without a sale token: the ten a second whom the throttle lets through cannot buy.
  const throttled = await flood(product, saleId, hasty, count);
  if (throttled.statuses[429] < 0.9 * throttled.requests) {
    throw new Error(`hardly throttled: ${JSON.stringify(throttled.statuses)}`);
  }
  return { blacklisted, throttled };
}

/** Throws when a request was answered in another way. */
export function expectOnly({ statuses }, status) {
  const others = Object.keys(statuses).filter((other) => other !== status);
  if (others.length > 0) throw new Error(`answers beside ${status}: ${JSON.stringify(statuses)}`);
}
