/**
 * The defects of the sketches that this project began from, as far as they concern Redis scripts
 * and keys: each test shows that our scripts do not have it.
 */
import type { OrderStatus } from '../../src/stock/record';
import { boot, closer, namesOf, type ScriptName, strategies, TestLedger, type TestSale }
  from '../support/ledger';

const statuses: OrderStatus[] = ['reserved', 'pending_payment', 'paid', 'cancelled', 'expired',
  'rejected', 'frozen', 'refunded'];

/** A sale of 100 units with two reservations in each status and every script run upon it. */
async function aFullLife(ledger: TestLedger): Promise<TestSale> {
  const sale = await ledger.openSale({ total: 100 });
  for (const status of statuses) {
    await sale.bring(`${status}-1`, status, { saleToken: `token-${status}`, captcha: status });
    await sale.bring(`${status}-2`, status, { quantity: 2 });
  }
  await sale.run('requeue', 0, 1, 'trace', 'reserved-1');
  await sale.run('retake', ...sale.retaking('frozen-1', 2));
  await sale.run('adjust', 'a1', 5, boot, 1);
  await sale.run('set-state', 'paused');
  await sale.run('set-state', 'open');
  return sale;
}

describe.each(strategies)('what went wrong in the sketches does not with %s', (strategy) => {
  let ledger: TestLedger;

  beforeAll(() => { ledger = new TestLedger(strategy); });
  afterAll(() => ledger.close());

  it('a reply with string keys loses its fields: ours are integers or flat lists of them',
    async () => {
      const sale = await ledger.openSale();
      const attempt = sale.attempt('r1');
      const replies: [ScriptName, (string | number)[], length: number][] = [
        ['reserve', attempt, 6], ['reserve', attempt, 6], ['reserve', attempt.with(3, 'other'), 6],
        ['reserve', attempt.with(2, 11).with(0, 'r2'), 6], ['reserve', attempt.with(5, 2), 6],
        ['reserve', [], 6], ['requeue', [1_000, 1, 'trace', 'r1', 'r9'], 2], ['requeue', [], 1],
        ['confirm', ['r1', 5, 'r9', 5], 2], ['confirm', [], 1], ['settle', ['r1', 'r9'], 2],
        ['settle', [], 1], ['release', ['r1', 'B', 'r9', 'C'], 2], ['release', [], 1],
        ['retake', sale.retaking('r1', 2), 1], ['retake', [], 1],
        ['adjust', ['a1', 1, boot, 1], 2], ['adjust', ['a1', 1, boot, 1], 2],
        ['adjust', ['a2', -99, boot, 1], 2], ['adjust', [], 2], ['audit', [], 14],
        ['set-state', ['paused'], 1], ['set-state', [], 1],
        ['load-begin', [2, boot, 10, 0, 2, 0, 5, 'relay', 'lua'], 1], ['load-begin', [], 1],
        ['load-proofs', [2], 1], ['load-proofs', [], 1], ['load-records', [2], 1],
        ['load-records', [], 1], ['open', [2, boot, 'open'], 1],
        ['open', [], 1],
      ];
      for (const [script, args, length] of replies) {
        const fields = [await sale.run(script, ...args)].flat();
        expect({ script, args, length: fields.length }).toEqual({ script, args, length });
        expect(fields.filter((field) => typeof field !== 'string' && !Number.isInteger(field)))
          .toEqual([]);
      }
    });

  it('keys built inside a script break on a cluster: a user may touch nothing but the keys given',
    async () => {
      const sale = await ledger.openSale();
      const { redis } = sale;
      const user = `only-${sale.keys.meta}`.replaceAll(/[^a-z0-9-]/g, '-');
      await redis.call('ACL', 'SETUSER', user, 'on', 'nopass', '+@all',
        ...namesOf(sale.keys).map((key) => `~${key}`));
      try {
        await redis.call('AUTH', user, 'any');
        await expect(redis.get('another key')).rejects.toThrow('NOPERM');
        for (const status of statuses) {
          await sale.bring(status, status, { saleToken: `token-${status}`, captcha: status });
        }
        await sale.run('requeue', 0, 1, 'trace', 'reserved');
        await sale.run('retake', ...sale.retaking('frozen', 2));
        await sale.run('adjust', 'a1', 5, boot, 1);
        await sale.load({ epoch: 2, rows: [['r1', 'O', 1, 5, 1, 5, 'print', 'ann']] });
      } finally {
        await redis.call('AUTH', 'default', 'any');
        await redis.call('ACL', 'DELUSER', user);
      }
    });

  it('all keys of a sale lie in one slot, and a full life leaves none beside them', async () => {
    const own = new TestLedger(strategy);
    const sale = await aFullLife(own);
    // The refusals are counted by the purchase module.
    const others = [sale.keys.refusals, ...(strategy === 'tokens' ? [] : [sale.keys.tokens])];
    const keys = namesOf(sale.keys).filter((key) => !others.includes(key));
    expect(await own.keys()).toEqual(keys.sort());
    const hashTags = keys.map((key) => /\{[^}]+\}/.exec(key)?.[0]);
    expect(new Set(hashTags).size).toBe(1);
    await own.close();
  });

  it('a counter that expires forgets the limit: no key of a sale has a time to live', async () => {
    const sale = await aFullLife(ledger);
    const lives = Object.values(await sale.everything()).map(({ lifeMs }) => lifeMs);
    expect(new Set(lives.filter((lifeMs) => lifeMs !== -2))).toEqual(new Set([-1]));
  });

  it('a marker that expires lets a buyer buy again: who bought stays refused',
    async () => {
      const sale = await ledger.openSale({ limit: 1 });
      await sale.bring('r1', 'paid', { user: 'ann', leaseMs: 0 });
      expect((await sale.reserve('r2', { user: 'ann' }))[0]).toBe(-2);
      await sale.load({ epoch: 2, limit: 1, rows: [['r1', 'S', 1, 0, 1, 5, 'print', 'ann']] });
      expect((await sale.reserve('r2', { user: 'ann', epoch: 2 }))[0]).toBe(-2);
    });

  it('redis := db sells units that are still in the queue: a live sale is never overwritten',
    async () => {
      const sale = await ledger.openSale({ total: 1 });
      await sale.reserve('r1');
      const fromDatabase = [1, boot, 1, 0, 2, 0, 9e12, 'relay', 'lua', closer];
      expect(await sale.unchangedBy('load-begin', ...fromDatabase)).toBe(-7);
      expect(await sale.unchangedBy('load-records', closer)).toBe(-7);
      expect((await sale.reserve('r2'))[0]).toBe(-1);
    });

  it('redis := db under a new epoch keeps what is on its way to the database', async () => {
    const sale = await ledger.openSale({ total: 1 });
    await sale.reserve('r1');
    await sale.load({ epoch: 2, total: 1 });
    const entries = await sale.redis.xrange(sale.keys.outbox, '-', '+');
    // The old epoch in the entry is what the guarded statement of the database refuses.
    expect(entries.map(([, fields]) => fields.slice(0, 10))).toEqual(
      [['rid', 'r1', 'user', 'user-r1', 'quantity', '1', 'print', 'print', 'epoch', '1']]);
  });

  it('INCR on roll-back makes stock from nothing when it is tried again: ours gives back once',
    async () => {
      const sale = await ledger.openSale();
      await sale.reserve('r1', { quantity: 2 });
      const codes = [];
      for (let i = 0; i < 5; i += 1) codes.push(await sale.run('release', 'r1', 'C'));
      expect(codes.flat()).toEqual([1, 0, 0, 0, 0]);
      expect(await sale.counters()).toEqual([10, 0, 0, 0]);
    });

  it('deduct, then send: a crash between loses the unit; ours is in the outbox when it is held',
    async () => {
      const sale = await ledger.openSale();
      await Promise.all(Array.from({ length: 10 }, (_, i) => sale.reserve(`r${i}`)));
      const entries = await sale.redis.xrange(sale.keys.outbox, '-', '+');
      expect(entries.map(([, [, rid]]) => rid).sort())
        .toEqual((await sale.redis.hkeys(sale.keys.records)).sort());
      expect(entries).toHaveLength(10);
    });

  it('stock in segments says sold out while others hold stock: ours sells every unit to anybody',
    async () => {
      const sale = await ledger.openSale({ total: 10 });
      const users = Array.from({ length: 11 }, (_, i) => String(700 + 100 * i));
      const codes = [];
      for (const user of users) codes.push((await sale.reserve(`r${user}`, { user }))[0]);
      expect(codes).toEqual([...Array<number>(10).fill(1), -1]);
    });

  it('DECRBY read as "quantity taken" refuses the last unit: ours is held', async () => {
    const sale = await ledger.openSale({ total: 2 });
    expect((await sale.reserve('r1', { quantity: 2 })).slice(0, 2)).toEqual([1, 0]);
    expect(await sale.counters()).toEqual([0, 2, 0, 0]);
    expect((await sale.reserve('r2'))[0]).toBe(-1);
  });

  it('release by a time to live sells a unit twice: a lease that ran out gives nothing back',
    async () => {
      const sale = await ledger.openSale({ total: 1 });
      await sale.reserve('r1', { leaseMs: 0 });
      const { due } = await sale.remembered('r1');
      expect(Number(due)).toBeLessThanOrEqual(await sale.now());
      expect((await sale.reserve('r2'))[0]).toBe(-1);
      expect(await sale.run('requeue', 0, 1, 'trace', 'r1')).toEqual([1]);
      expect(await sale.run('requeue', 0, 0, 'trace', 'r1')).toEqual([0]);
      expect((await sale.reserve('r2'))[0]).toBe(-1);
      expect(await sale.counters()).toEqual([0, 1, 0, 0]);
    });

  it('0.003 % oversold is oversold: 500 buyers at once get exactly 100 units', async () => {
    const sale = await ledger.openSale({ total: 100 });
    const presses = Array.from({ length: 500 }, (_, i) => sale.reserve(`r${i}`));
    const replies = await Promise.all(presses);
    expect(replies.filter(([code]) => code === 1)).toHaveLength(100);
    expect(await sale.counters()).toEqual([0, 100, 0, 0]);
  });
});
