#!/usr/bin/env node
/**
 * `npm run crowd`: honest buyers and four kinds of bots at the opening of a sale with the default
 * protection, each client with an address of its own. Prints what became of them and writes
 * bench/results/crowd-latest.json. Sizes and seed: options.mjs.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSale, secret, startProduct, startServers, stockOf } from '../lib/product.mjs';
import { readOptions } from './options.mjs';
import { print } from './report.mjs';
import { simulate } from './simulation.mjs';

const preparationMs = 6_000;

const options = readOptions(process.argv.slice(2));
console.error(`seed ${options.seed}; about ${options.seconds + 40} s`);
const servers = await startServers();
try {
  const environment = { ...servers.environment, TRUST_PROXY: '127.0.0.1' };
  const product = await startProduct(environment, 'api,worker');
  try {
    const opensAtMs = Date.now() + preparationMs;
    const saleId = await openSale(product, options.stock, {
      payWindowSeconds: options.payWindowSeconds, price: { amount: 9_900, currency: 'EUR' },
      opensAt: new Date(opensAtMs).toISOString() });
    const report = await simulate({ url: product.url, saleId, opensAtMs, jwtSecret: secret,
      webhookSecret: environment.PAYMENT_WEBHOOK_SECRET, options,
      readStock: () => stockOf(product, saleId) });
    print(report);
    writeFileSync(join(import.meta.dirname, '../results/crowd-latest.json'),
      `${JSON.stringify({ date: new Date().toISOString(), ...report }, null, 2)}\n`);
  } finally {
    await product.stop();
  }
} finally {
  await servers.stop();
}
