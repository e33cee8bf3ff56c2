import { simulate } from '../../bench/crowd/simulation.mjs';
import { TestProduct } from '../support/product';

const opensInMs = 8_000;

/** `npm run crowd` in small: the options are its defaults but for the sizes. */
const options = {
  seed: 7, scale: 1, stock: 100, payWindowSeconds: 10, seconds: 15, honest: 200, scripts: 4,
  rings: 1, ringAccounts: 50, solvingRingsShare: 0, distributed: 40, boughtShare: 0.3,
  solvingShare: 0, mimics: 1,
};

describe('a crowd of buyers and bots at the opening of a sale with the default protection', () => {
  let product: TestProduct;

  beforeAll(async () => {
    // What the tests otherwise switch off is left to its default here.
    product = await TestProduct.start({ TRUST_PROXY: '127.0.0.1', RISK: 'on',
      THROTTLE_USER: '10/1,120/60', THROTTLE_IP: '100/1,3000/60', THROTTLE_DEVICE: '20/1,240/60',
      HOLDS_PER_USER: '10', HOLDS_PER_DEVICE: '10' });
  });
  afterAll(() => product.stop());

  it('sells to the people, and refuses none of them as a bot', async () => {
    const { client, config, url } = product;
    const opensAtMs = Date.now() + opensInMs;
    const saleId = await client.openSale({ stock: options.stock, protection: {},
      payWindowSeconds: options.payWindowSeconds, opensAt: new Date(opensAtMs).toISOString() });
    const report = await simulate({ url, saleId, opensAtMs, options,
      jwtSecret: config.jwtSecret ?? '', webhookSecret: config.paymentWebhookSecret,
      readStock: () => client.stock(saleId) });

    expect(report.refused).toEqual([]);
    expect(report.honestShareOfUnits).toBeGreaterThanOrEqual(0.95);
    // Money that came late may buy again after everybody has gone.
    const { drift, inFlight, total, redis, database } = await client.atRest(saleId);
    expect({ drift, inFlight, total }).toEqual({ drift: 0, inFlight: 0, total: options.stock });
    expect(redis.available + redis.sold + redis.ordered).toBe(options.stock);
    // On a busy machine money may come late, and buy again under an id that its client never learns.
    expect(database.paid).toBeGreaterThanOrEqual(report.unitsKept);
    expect(database.paid).toBeLessThanOrEqual(options.stock);
  }, 240_000);
});
