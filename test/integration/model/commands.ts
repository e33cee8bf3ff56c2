import fc from 'fast-check';
import { faultsOf, holdsUnits, readBooks } from '../../support/books';
import type { SaleModel } from './sale-model';
import type { SaleParts } from './sale-parts';

const cause = { source: 'model', ip: '', traceId: 'a'.repeat(32) };

type Check = (model: Readonly<SaleModel>) => boolean;
type Run = (model: SaleModel, real: SaleParts) => Promise<void>;
export type SaleCommand = fc.AsyncCommand<SaleModel, SaleParts>;

/** After every command the books must balance, and every order be as the model says. */
function command(name: string, run: Run, check: Check = () => true): SaleCommand {
  return {
    check,
    toString: () => name,
    run: async (model, real) => {
      await run(model, real);
      const books = await readBooks(real.product, real.sale.id);
      expect(faultsOf(books)).toEqual([]);
      expect(await real.statuses()).toEqual(
        Object.fromEntries(model.orders.map(({ key, status }) => [key, status])));
      expect([books.stock.total, books.redis.counters.available])
        .toEqual([model.total, model.available]);
    },
  };
}

const hasOrders: Check = ({ orders }) => orders.length > 0;

const buy = (userId: string, quantity: number) =>
  command(`${userId} buys ${quantity}`, async (model, real) => {
    const key = `press-${model.orders.length}`;
    const refusal = model.refusal(userId, quantity);
    const { status, body } = await real.client.buy(real.sale.id, userId, { quantity, key });
    expect([status, body.code]).toEqual(refusal ? [409, refusal] : [202, undefined]);
    if (refusal) return;
    model.orders.push({ key, userId, quantity, status: 'reserved', isConfirmed: false,
      isOverdue: false, isRetaken: false });
    real.ids.set(key, body.id);
  });

const replay = (index: number) => command(`replay ${index}`, async (model, real) => {
  const { key, userId, quantity, status, isConfirmed, isRetaken } = model.at(index);
  const { body } = await real.client.buy(real.sale.id, userId, { quantity, key });
  // Redis answers, and it may not know of the row, or what became of it.
  const isKnown = !isRetaken && (isConfirmed || !holdsUnits(status) || status === 'paid');
  expect(body).toMatchObject({ id: real.ids.get(key), quantity,
    status: isKnown ? status : 'reserved' });
}, hasOrders);

const pay = (index: number) => command(`pay ${index}`, async (model, real) => {
  const order = model.at(index);
  model.expire([order]);
  const kinds = { reserved: 'unknown', pending_payment: 'paid', paid: 'already_paid',
    refunded: 'already_paid', cancelled: 'too_late', expired: 'too_late', rejected: 'too_late',
    frozen: 'too_late' } as const;
  expect((await real.life.pay(real.idOf(order))).kind).toBe(kinds[order.status]);
  if (order.status === 'pending_payment') order.status = 'paid';
}, hasOrders);

const cancel = (index: number) => command(`cancel ${index}`, async (model, real) => {
  const order = model.at(index);
  const isOpen = ['reserved', 'pending_payment', 'frozen', 'cancelled'].includes(order.status);
  const { status } = await real.client.cancel(real.idOf(order), order.userId);
  expect(status).toBe(isOpen ? 200 : 409);
  if (isOpen) order.status = 'cancelled';
  model.endThaws([order]);
}, hasOrders);

const refund = (index: number) => command(`refund ${index}`, async (model, real) => {
  const order = model.at(index);
  const outcome = { paid: 'refunded', refunded: 'already_refunded' }[order.status as string];
  expect(await real.life.refund(real.idOf(order), cause)).toBe(outcome ?? 'conflict');
  if (order.status === 'paid') order.status = 'refunded';
}, hasOrders);

const passDeadline = (index: number) => command(`deadline of ${index} passes`,
  async (model, real) => {
    const order = model.at(index);
    await real.passDeadline(order);
    order.isOverdue = true;
  }, hasOrders);

const freeze = (userId: string) => command(`${userId} is frozen`, async (model, real) => {
  real.onceFrozen.push(...(await real.freeze.freeze(userId, cause))
    .filter(({ saleId }) => saleId === real.sale.id));
  model.freeze(userId);
});

const applyLate = command('a slow worker tells Redis of what was frozen', async (_, real) => {
  await real.followup.apply(real.sale.id, real.onceFrozen);
});

const thaw = (index: number) => command(`thaw ${index}`, async (model, real) => {
  const order = model.at(index);
  const isFrozen = order.status === 'frozen';
  // What a thaw that broke off has in Redis is his own.
  model.endThaws([order]);
  const isRefused = isFrozen && model.refusal(order.userId, order.quantity) !== undefined;
  const { thawed, refused } = await real.freeze.thaw([real.idOf(order)], cause);
  if (isFrozen) {
    order.status = isRefused ? 'cancelled' : 'pending_payment';
    order.isOverdue = false;
  }
  const isCancelled = order.status === 'cancelled';
  expect([thawed.length, refused.length])
    .toEqual(order.status === 'reserved' ? [0, 0] : [isCancelled ? 0 : 1, isCancelled ? 1 : 0]);
}, hasOrders);

const dieWithinThaw = (index: number) => command(`a thaw of ${index} dies before its commit`,
  async (model, real) => {
    const order = model.at(index);
    const [row] = await real.store.findMany([real.idOf(order)]);
    if (order.isRetaken || row?.status !== 'frozen') return;
    const { kind } = await real.stockLedger.retake(real.sale.id,
      { rid: row.id, hold: row.holds + 1, quantity: row.quantity });
    const refusal = model.refusal(order.userId, order.quantity);
    expect(kind).toBe(refusal === undefined ? 'held'
      : { SOLD_OUT: 'sold_out', LIMIT_EXCEEDED: 'over_limit' }[refusal]);
    order.isRetaken = refusal === undefined;
    order.isOverdue = false;
  }, hasOrders);

const adjust = (delta: number) => command(`adjust by ${delta}`, async (model, real) => {
  const key = `change-${model.adjustments.length}`;
  const isApplied = model.available + delta >= 0;
  expect((await real.client.adjust(real.sale.id, delta, key)).status).toBe(isApplied ? 200 : 409);
  model.adjustments.push({ key, delta, isApplied });
  if (isApplied) model.total += delta;
});

const adjustAgain = (index: number) => command(`adjust again ${index}`, async (model, real) => {
  const known = model.adjustments[index % model.adjustments.length];
  if (!known) throw new Error('A command needs an adjustment');
  const { status } = await real.client.adjust(real.sale.id, known.delta, known.key);
  expect(status).toBe(known.isApplied ? 200 : 409);
}, ({ adjustments }) => adjustments.length > 0);

const deliver = command('deliver a job', async (model, real) => {
  const job = await real.takeJob();
  if (!job) return;
  await real.deliver(job);
  real.past.push(job);
  model.write(real.ordersOf(model, job), true);
});

const deliverAgain = (index: number) => command(`deliver again ${index}`, async (model, real) => {
  const job = real.past[index % real.past.length];
  if (!job) return;
  await real.deliver(job);
  model.write(real.ordersOf(model, job), true);
});

const dieBeforeCommit = command('the worker dies before its commit', async (_, real) => {
  await real.takeJob();
});

const dieAfterCommit = command('the worker dies after its commit', async (model, real) => {
  const job = await real.takeJob();
  if (!job) return;
  await real.writer.write(real.sale, job.entries);
  model.write(real.ordersOf(model, job), false);
});

const expireOverdue = command('sweep over overdue orders', async (model, real) => {
  await real.overdue.expireSale(real.sale.id);
  model.expire(model.orders);
});

/** What is overdue and has a row ends or is confirmed; without a row it goes to the queue again. */
const sweepLeases = command('sweep over leases', async (model, real) => {
  await real.leases.sweep(real.sale);
  const overdue = model.orders.filter(({ isOverdue }) => isOverdue);
  model.expire(overdue);
  model.endThaws(overdue);
  for (const order of overdue) {
    if (order.status === 'reserved') order.isOverdue = false;
    else order.isConfirmed = true;
  }
});

const reconcile = command('reconcile', async (model, real) => {
  expect((await real.client.reconcile(real.sale.id)).status).toBe(200);
  const isDrifting = model.orders.some(({ status, isConfirmed }) =>
    status === 'pending_payment' && !isConfirmed);
  if (isDrifting) model.write(model.orders.filter(({ status }) => status !== 'reserved'), true);
});

const recover = command('recover', async (model, real) => {
  expect(await real.recovery.recover(real.sale.id, 'model')).toBe(true);
  model.write(model.orders, true);
  model.endThaws(model.orders);
});

const index = fc.nat({ max: 20 });
const user = fc.constantFrom('ann', 'bob', 'cyd', 'dan');

/** How every run begins, since most commands need an order. */
export const firstCommands = [buy('ann', 1), buy('bob', 2)];

/** Every command, those that make a sale move more often than those that mend it. */
export const saleCommands = [
  fc.tuple(user, fc.integer({ min: 1, max: 3 })).map(([userId, quantity]) => buy(userId, quantity)),
  fc.tuple(user, fc.integer({ min: 1, max: 3 })).map(([userId, quantity]) => buy(userId, quantity)),
  fc.constant(deliver), fc.constant(deliver), index.map(deliverAgain),
  fc.constant(dieBeforeCommit), fc.constant(dieAfterCommit),
  index.map(replay), index.map(pay), index.map(cancel), index.map(refund),
  index.map(passDeadline), fc.constant(expireOverdue), fc.constant(sweepLeases),
  fc.integer({ min: -4, max: 5 }).filter((delta) => delta !== 0).map(adjust),
  index.map(adjustAgain), user.map(freeze), fc.constant(applyLate), index.map(thaw),
  index.map(dieWithinThaw),
  fc.constant(reconcile), fc.constant(recover),
];
