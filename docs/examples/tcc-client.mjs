// A shop's own order service, in small: reserves units for its users by Try, Confirm and Cancel.
//   npm run token -- --sub shop --role service
//   node docs/examples/tcc-client.mjs http://127.0.0.1:3000 <token> <saleId>
// What each call promises: docs/tcc.md. Needs Node 20 and nothing else.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const answerTimeoutMs = 10_000;
const attemptsAtMost = 10;

/** A decided no: to ask again would change nothing. `code` is that of the problem document. */
class Refused extends Error {
  constructor({ status, code, detail }) {
    super(`${status} ${code}: ${detail}`);
    this.code = code;
  }
}

/** The three calls for one order of the shop. Each is repeated until there is an answer. */
class Reservation {
  constructor(fairdrop, { saleId, orderId, userId, quantity, timeLimitSeconds }) {
    this.fairdrop = fairdrop;
    this.saleId = saleId;
    // The shop's own id of the order: written down before the first call, the same ever after.
    this.key = orderId;
    this.body = { userId, quantity, timeLimitSeconds };
  }

  try() { return this.call('try'); }
  confirm() { return this.call('confirm'); }
  cancel() { return this.call('cancel'); }

  async call(name) {
    for (let attempt = 1; ; attempt += 1) {
      const { answer, waitMs } = await this.ask(name);
      if (answer) return answer;
      if (attempt === attemptsAtMost) throw new Error(`No answer to ${name} of ${this.key}`);
      await sleep(waitMs ?? Math.min(5_000, 100 * 2 ** attempt));
    }
  }

  /** An answer; or none, when whether it was done is unknown: then the same request finds out. */
  async ask(name) {
    let response;
    let body;
    try {
      response = await fetch(`${this.fairdrop.url}/tcc/v1/sales/${this.saleId}/${name}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${this.fairdrop.token}`, 'idempotency-key': this.key,
          'content-type': 'application/json' },
        body: JSON.stringify(this.body),
        signal: AbortSignal.timeout(answerTimeoutMs),
      });
      body = await response.json();
    } catch {
      return {};
    }
    if (response.ok) return { answer: body };
    if (response.status < 500) throw new Refused(body);
    const seconds = Number(response.headers.get('retry-after'));
    return { waitMs: seconds > 0 ? seconds * 1_000 : undefined };
  }
}

/** Sells one unit to a user: reserve, take the money, and keep both or neither. */
async function sell(reservation, takeMoney) {
  const { expiresAt } = await reservation.try();
  console.log(`tried ${reservation.key}, to be confirmed before ${expiresAt}`);
  if (await takeMoney()) {
    const { status } = await reservation.confirm();
    console.log(`${status} ${reservation.key}`);
  } else {
    const { status } = await reservation.cancel();
    console.log(`${status} ${reservation.key}`);
  }
}

const [url, token, saleId] = process.argv.slice(2);
if (saleId === undefined) {
  console.error('usage: node docs/examples/tcc-client.mjs <url> <service token> <saleId>');
  process.exit(1);
}
const newOrder = () => new Reservation({ url, token }, { saleId, orderId: `order-${randomUUID()}`,
  userId: `user-${randomUUID()}`, quantity: 1, timeLimitSeconds: 60 });

try {
  await sell(newOrder(), async () => true);
  await sell(newOrder(), async () => false);

  // The shop was restarted and finds an order in its books without knowing whether it was tried.
  const forgotten = newOrder();
  const { status } = await forgotten.cancel();
  console.log(`${status} ${forgotten.key}`);
  const late = await forgotten.try().catch((error) => error);
  console.log(late instanceof Refused ? `too late ${late.code}` : `wrong: ${late}`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
