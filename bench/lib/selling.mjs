// Sales that are sold out: every unit by a buyer of his own, and then some who come too late.
import { expectOnly, measure, withSaleTokens } from './load.mjs';
import { openSale } from './product.mjs';
import { redisBytesOf, saleBytesOf } from './redis-memory.mjs';
import { buyers, purchaseOf } from './requests.mjs';
import { rowsWritten } from './rows.mjs';

const justPlay = (play) => play();

/** The protection of a sale with everything on. */
export const guarded = { saleToken: true };

/**
 * Sells `count` units over so many sales, in turn. Throws when a purchase was not accepted.
 * Resolves to the figures, with the cost until the last row is written, to the ids of the sales, and
 * to the bytes of Redis that each purchase has taken in the sale's own keys and elsewhere. `around`
 * plays the purchases, and may look on.
 */
export async function sell(ground, program, { name, count, sales = 1, changes = {}, around = justPlay }) {
  const saleIds = [];
  while (saleIds.length < sales) saleIds.push(await openSale(program, count / sales, changes));
  const requests =
    await purchases(ground, program, saleIds, { name, count, ...changes.protection });
  const bytesBefore = await redisBytesOf(ground.redisUrl);
  const startedAt = performance.now();
  let rowsAfterMs;
  const settled = async () => {
    await rowsWritten(ground.database, saleIds, count);
    rowsAfterMs = performance.now() - startedAt;
  };
  const figures = await around(() => measure(ground.generator, program, requests, { settled }));
  expectOnly(figures, '202');
  const bytes = await redisBytesOf(ground.redisUrl) - bytesBefore;
  const ofSale = await saleBytesOf(ground.redisUrl, saleIds[0]) * sales;
  return { ...figures, rowsPerSecond: count / (rowsAfterMs / 1_000), saleIds,
    redisBytes: ofSale / count, redisBytesPerBuyer: (bytes - ofSale) / count };
}

/** As many buyers who find everything sold. */
export async function comeLate(ground, program, saleIds,
  { name, count, protection, around = justPlay }) {
  const requests = await purchases(ground, program, saleIds, { name, count, ...protection });
  const figures = await around(() => measure(ground.generator, program, requests));
  expectOnly(figures, '409');
  return figures;
}

/** One purchase by each of so many new buyers, over the sales in turn. */
async function purchases({ generator }, program, saleIds, { name, count, saleToken = false }) {
  const requests = [];
  for (const [sale, saleId] of saleIds.entries()) {
    const unequipped = buyers(count / saleIds.length, `${name}-${sale}`);
    const crowd = saleToken
      ? await withSaleTokens(generator, program, saleId, unequipped) : unequipped;
    for (const [index, buyer] of crowd.entries()) {
      requests[index * saleIds.length + sale] = purchaseOf(buyer, saleId);
    }
  }
  return requests;
}
