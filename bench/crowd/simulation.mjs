import { setTimeout as sleep } from 'node:timers/promises';
import { populate } from './population.mjs';
import { Random } from './random.mjs';
import { summarize } from './report.mjs';
import { Shop } from './shop.mjs';

const restWithinMs = 60_000;

/**
 * A crowd at the opening of a sale. Resolves when everybody has gone, unpaid orders have expired
 * and nothing is on its way any more. See simulation.d.mts for the shapes.
 */
export async function simulate({ url, saleId, opensAtMs, jwtSecret, webhookSecret, readStock,
  options }) {
  const random = new Random(options.seed);
  const people = populate(options, random, jwtSecret);
  const shop = new Shop({ url, saleId, webhookSecret });
  const endsAtMs = opensAtMs + 1_000 * options.seconds;
  const world = {
    shop,
    payments: [],
    isOn: () => Date.now() < endsAtMs,
    /** Resolves so many milliseconds after the opening (before it, where negative). */
    until: (afterOpeningMs) => sleep(Math.max(0, opensAtMs + afterOpeningMs - Date.now())),
  };
  try {
    await Promise.all(people.map((person) => person.act(person, world)));
    await Promise.all(world.payments);
    const stock = await stockAtRest(readStock);
    await learnFates(people, shop);
    return summarize(people, stock, options);
  } finally {
    shop.close();
  }
}

/** The stock when the time to pay of every order is over and no reservation is open. */
async function stockAtRest(readStock) {
  const deadline = Date.now() + restWithinMs;
  for (;;) {
    const stock = await readStock();
    const atRest = stock.inFlight === 0 && stock.drift === 0 && stock.redis.reserved === 0
      && stock.database.pendingPayment === 0;
    if (atRest || Date.now() > deadline) return stock;
    await sleep(200);
  }
}

/** Fills in what became of each order, for all orders of each person. */
async function learnFates(people, shop) {
  const asks = people.flatMap((person) => person.orders.map((id) => ({ person, id })));
  for (const person of people) person.fates = [];
  const ask = async () => {
    for (let next = asks.pop(); next; next = asks.pop()) {
      next.person.fates.push(await shop.statusOf(next.person, next.id));
    }
  };
  await Promise.all(Array.from({ length: 8 }, ask));
}
