import { parseRecord } from '../../../src/stock/record';
import { leaseMs, strategies, TestLedger } from '../../support/ledger';

describe.each(strategies)('reserve of a sale with %s', (strategy) => {
  let ledger: TestLedger;

  beforeAll(() => { ledger = new TestLedger(strategy); });
  afterAll(() => ledger.close());

  it('holds the units in every place at once: counters, record, buyer, lease, outbox', async () => {
    const sale = await ledger.openSale({ seq: 41 });
    const beforeMs = await sale.now();
    const [code, available, seq, state, quantity, reservedAtMs] =
      await sale.reserve('r1', { user: 'ann', quantity: 2, device: 'phone', payWindow: 60,
        saleToken: 'token-1', captcha: 'captcha-1' });
    expect([code, available, seq, state, quantity]).toEqual([1, 8, 42, 'R', 2]);
    expect(Number(reservedAtMs)).toBeGreaterThanOrEqual(beforeMs);
    expect(Number(reservedAtMs)).toBeLessThanOrEqual(await sale.now());

    const deadlineMs = Number(reservedAtMs) + leaseMs;
    const record = `R|2|${deadlineMs}|42|1|${reservedAtMs}|0|print|ann`;
    const { meta, ...rest } = await sale.everything();
    expect(meta).toMatchObject({ content: { state: 'open', total: '10', available: '8',
      reserved: '2', ordered: '0', sold: '0', seq: '42' } });
    expect(rest).toEqual({
      records: { lifeMs: -1, content: { r1: record } },
      users: { lifeMs: -1, content: { ann: '2' } },
      due: { lifeMs: -1, content: ['r1', String(deadlineMs)] },
      outbox: { lifeMs: -1, content: [[[expect.any(String), ['rid', 'r1', 'user', 'ann', 'quantity',
        '2', 'print', 'print', 'epoch', '1', 'seq', '42', 'at', String(reservedAtMs), 'trace',
        'trace', 'ip', '10.0.0.1', 'device', 'phone', 'window', '60']]], expect.any(Array)] },
      adjustments: { lifeMs: -2, content: null },
      refusals: { lifeMs: -2, content: null },
      spent: { lifeMs: -1, content: { 'token-1': 'r1', 'captcha-1': 'r1' } },
      tokens: sale.tokens(8),
    });
  });

  it.each([
    ['with a bar, as the record has', 'a|b||c'], ['with the colon of keys', 'a:b:{c}'],
    ['of 128 characters', 'u'.repeat(128)], ['of 128 letters beyond ASCII', '雪'.repeat(128)],
    ['with a line break', 'a\nb'], ['with a zero byte', 'a\0b'],
    ['that looks like a number', '007'], ['called like a property of every object', '__proto__'],
  ])('keeps a user id %s apart from others and as it is', async (_title, user) => {
    const sale = await ledger.openSale();
    expect((await sale.reserve('r1', { user, quantity: 2 }))[0]).toBe(1);
    expect((await sale.reserve('r2', { user, quantity: 1 }))[0]).toBe(-2);
    expect((await sale.reserve('r3', { user: `${user}.` }))[0]).toBe(1);
    const { record } = await sale.remembered('r1');
    expect(parseRecord('r1', record ?? '')).toMatchObject({ userId: user, status: 'reserved' });
    expect(await sale.redis.hget(sale.keys.users, user)).toBe('2');
    await sale.run('release', 'r1', 'C');
    expect(await sale.redis.hexists(sale.keys.users, user)).toBe(0);
  });

  it.each([
    ['none', ''], ['128 letters beyond ASCII', '雪'.repeat(128)],
    ['128 that take four bytes each', '🛒'.repeat(128)], ['a bar and a line break', 'a|b\nc'],
    ['a zero byte', 'a\0b'], ['a number to Lua', '1e3'], ['the name of another field', 'window'],
    ['a quotation', '"a\'b'], ['braces and a percent sign', '{b}%d'],
  ])('hands a device id on as it is: %s', async (_title, device) => {
    const sale = await ledger.openSale();
    await sale.reserve('r1', { device, payWindow: 30 });
    const [[, fields] = []] = await sale.redis.xrange(sale.keys.outbox, '-', '+');
    expect(fields?.slice(-4)).toEqual(['device', device, 'window', '30']);
  });

  it('holds the last unit and says so, then is sold out', async () => {
    const sale = await ledger.openSale({ total: 3 });
    expect((await sale.reserve('r1', { quantity: 2 })).slice(0, 2)).toEqual([1, 1]);
    expect((await sale.reserve('r2')).slice(0, 2)).toEqual([1, 0]);
    expect(await sale.unchangedBy('reserve', ...sale.attempt('r3'))).toEqual([-1, 0, 0, '', 0, 0]);
    expect(await sale.counters()).toEqual([0, 3, 0, 0]);
  });

  it('is sold out for two units when one is left, and sells the one', async () => {
    const sale = await ledger.openSale({ total: 1 });
    expect(await sale.unchangedBy('reserve', ...sale.attempt('r1', { quantity: 2 })))
      .toEqual([-1, 1, 0, '', 0, 0]);
    expect((await sale.reserve('r2'))[0]).toBe(1);
  });

  it('says sold out, not over the limit, to a buyer for whom both are true', async () => {
    const sale = await ledger.openSale({ total: 2 });
    await sale.reserve('r1', { user: 'ann', quantity: 2 });
    expect((await sale.reserve('r2', { user: 'ann' }))[0]).toBe(-1);
  });

  it('counts the limit over all keys of a buyer, and gives it back with the units', async () => {
    const sale = await ledger.openSale({ limit: 3 });
    const buy = async (rid: string, quantity: number) =>
      (await sale.reserve(rid, { user: 'ann', quantity }))[0];
    expect([await buy('r1', 1), await buy('r2', 2), await buy('r3', 1)]).toEqual([1, 1, -2]);
    expect((await sale.reserve('r4', { user: 'bob', quantity: 3 }))[0]).toBe(1);
    await sale.run('release', 'r2', 'C');
    expect([await buy('r5', 3), await buy('r6', 2), await buy('r7', 1)]).toEqual([-2, 1, -2]);
  });

  it('takes 1000 units at once where the limit allows it', async () => {
    const sale = await ledger.openSale({ total: 1_500, limit: 1_000 });
    expect((await sale.reserve('r1', { quantity: 1_000 })).slice(0, 2)).toEqual([1, 500]);
  });

  it.each([
    ['before it opens', { opensMs: 600_000, closesMs: 900_000 }, -4],
    ['once it has opened', { opensMs: 0, closesMs: 900_000 }, 1],
    ['until it closes', { opensMs: -9_000, closesMs: 600_000 }, 1],
    ['from the millisecond of its end on', { opensMs: -9_000, closesMs: 0 }, -5],
    ['after its end', { opensMs: -9_000, closesMs: -5_000 }, -5],
  ])('decides by the clock of Redis: %s', async (_title, { opensMs, closesMs }, code) => {
    const sale = ledger.newSale();
    const now = await sale.now();
    await sale.load({ opensMs: now + opensMs, closesMs: now + closesMs });
    expect((await sale.reserve('r1'))[0]).toBe(code);
  });

  it.each([['paused', -6], ['closed', -5]] as const)('refuses a %s sale without change',
    async (state, code) => {
      const sale = await ledger.openSale({ state });
      expect(await sale.unchangedBy('reserve', ...sale.attempt('r1')))
        .toEqual([code, 10, 0, '', 0, 0]);
    });

  it('says paused before it is open, since nobody knows when it will be', async () => {
    const sale = ledger.newSale();
    await sale.load({ opensMs: await sale.now() + 600_000, state: 'paused' });
    expect((await sale.reserve('r1'))[0]).toBe(-6);
  });

  it('says over, not paused, once its time has passed: it will not go on', async () => {
    const sale = await ledger.openSale({ closesMs: 1, state: 'paused' });
    expect(await sale.unchangedBy('reserve', ...sale.attempt('r1'))).toEqual([-5, 10, 0, '', 0, 0]);
  });

  it('knows nothing of a sale that was never loaded', async () => {
    const sale = ledger.newSale();
    expect(await sale.unchangedBy('reserve', ...sale.attempt('r1'))).toEqual([-9, 0, 0, '', 0, 0]);
  });

  it('sells exactly the stock when many come at once', async () => {
    const sale = await ledger.openSale({ total: 10 });
    const replies = await Promise.all(Array.from({ length: 60 }, (_, i) => sale.reserve(`r${i}`)));
    expect(replies.filter(([code]) => code === 1)).toHaveLength(10);
    expect(replies.filter(([code]) => code === -1)).toHaveLength(50);
    expect(await sale.counters()).toEqual([0, 10, 0, 0]);
  });
});
