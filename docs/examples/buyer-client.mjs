// A buyer in small: waits for the opening by the server's clock, presses once, and gets his order to pay.
//   npm run token -- --sub alice
//   node docs/examples/buyer-client.mjs http://127.0.0.1:3000 <token> <saleId>
// What each call promises: docs/buying.md. Needs Node 20 and nothing else.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const answerTimeoutMs = 10_000;
const patienceMs = 180_000;
const earlyPressesAtMost = 20;

/** A decided no: to ask again would change nothing. `code` is that of the problem document. */
class Refused extends Error {
  constructor({ status, code, detail }) {
    super(`${status} ${code}: ${detail}`);
    this.code = code;
  }
}

class Shop {
  constructor(url, token) {
    this.url = url;
    this.token = token;
  }

  /** Asks until it is decided: 429, 5xx and silence decide nothing, and the same request finds out. */
  async ask(method, path, { body, headers = {} } = {}) {
    const deadline = performance.now() + patienceMs;
    for (let pauseMs = 250; ; pauseMs = Math.min(4_000, pauseMs * 2)) {
      const { answer, waitMs } = await this.send(method, path, body, headers);
      if (answer) return answer;
      if (performance.now() > deadline) throw new Error(`No answer to ${method} ${path}`);
      // Never before the server says, and not all buyers in the same moment.
      await sleep((waitMs ?? 1_000) + Math.random() * pauseMs);
    }
  }

  async send(method, path, body, headers) {
    let response;
    let document;
    try {
      response = await fetch(this.url + path, {
        method,
        headers: { authorization: `Bearer ${this.token}`, ...headers,
          ...(body && { 'content-type': 'application/json' }) },
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(answerTimeoutMs),
      });
      document = await response.json();
    } catch {
      return {};
    }
    if (response.ok) return { answer: document };
    const seconds = Number(response.headers.get('retry-after'));
    // An order whose row is still being written can be paid in a moment: then a 409 has Retry-After.
    const isUndecided = response.status === 429 || response.status >= 500 || seconds > 0;
    if (!isUndecided) throw new Refused(document);
    return { waitMs: seconds > 0 ? seconds * 1_000 : undefined };
  }
}

/** How far the server's clock is ahead of ours, in milliseconds: its clock decides who is too early. */
async function clockOffset(shop) {
  const sentAt = Date.now();
  const { now } = await shop.ask('GET', '/v1/time');
  return now - (sentAt + Date.now()) / 2;
}

/** Presses until the server's clock, too, says that the sale is open. */
async function press(shop, saleId, headers) {
  for (let early = 0; ; early += 1) {
    try {
      return await shop.ask('POST', `/v1/sales/${saleId}/orders`, { body: { quantity: 1 }, headers });
    } catch (error) {
      if (error.code !== 'SALE_NOT_OPEN' || early === earlyPressesAtMost) throw error;
      await sleep(100);
    }
  }
}

async function buy(shop, saleId) {
  const sale = await shop.ask('GET', `/v1/sales/${saleId}`);
  const headers = { 'idempotency-key': randomUUID() };
  if (sale.needsSaleToken) {
    // Before the opening: then nobody has the time.
    const { token } = await shop.ask('POST', `/v1/sales/${saleId}/tokens`);
    headers['x-sale-token'] = token;
  }
  const waitMs = Date.parse(sale.opensAt) - (Date.now() + await clockOffset(shop));
  if (waitMs > 0) {
    console.log(`opens in ${Math.ceil(waitMs / 1_000)} s`);
    await sleep(waitMs);
  }
  // One key for one press, however often it is sent: it is one purchase.
  const order = await press(shop, saleId, headers);
  console.log(`held ${order.id}`);
  const { checkoutUrl } = await shop.ask('POST', `/v1/orders/${order.id}/payment`);
  const { payBefore } = await shop.ask('GET', `/v1/orders/${order.id}`);
  console.log(`pay before ${payBefore} at ${checkoutUrl}`);
}

const [url, token, saleId] = process.argv.slice(2);
if (saleId === undefined) {
  console.error('usage: node docs/examples/buyer-client.mjs <url> <token> <saleId>');
  process.exit(1);
}
try {
  await buy(new Shop(url, token), saleId);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
