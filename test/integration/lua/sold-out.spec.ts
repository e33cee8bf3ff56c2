import { memoryLeaseMs } from '../../../src/stock/sold-out-sales';
import { until } from '../../support/until';
import { boot, keysOfScript, strategies, TestLedger, type TestSale } from '../../support/ledger';

describe.each(strategies)('sold-out of a sale with %s', (strategy) => {
  let ledger: TestLedger;

  beforeAll(() => { ledger = new TestLedger(strategy); });
  afterAll(() => ledger.close());

  async function soldOutSale(): Promise<TestSale> {
    const sale = await ledger.openSale({ total: 1, seq: 41 });
    await sale.reserve('r1');
    return sale;
  }

  it('lets the caller refuse from memory, and says after which reservation', async () => {
    const sale = await soldOutSale();
    const before = await sale.now();
    expect(await sale.run('sold-out', boot, 1, 100)).toEqual([memoryLeaseMs, 42, 1]);
    const reopensMs = Number(await sale.redis.hget(sale.keys.meta, 'reopens'));
    expect(reopensMs).toBeGreaterThanOrEqual(before + memoryLeaseMs);
    expect(reopensMs).toBeLessThanOrEqual(await sale.now() + memoryLeaseMs);
  });

  it.each([
    ['a unit is on sale', 'sale', { available: 1, reserved: 0 }],
    ['the sale is paused', 'sale', { state: 'paused' }],
    ['the sale is closed', 'sale', { state: 'closed' }],
    ['it is being loaded', 'sale', { state: 'loading' }],
    ['it was loaded for another server', 'sale', { boot: 'another' }],
    ['it has another epoch', 'sale', { epoch: 2 }],
    ['its numbers cannot be read', 'sale', { seq: 'many' }],
    ['it has not begun', 'clock', { opens: 60_000 }],
    ['it ends before the lease', 'clock', { closes: 1 }],
  ] as const)('promises nothing when %s', async (_when, base, fields) => {
    const sale = await soldOutSale();
    const nowMs = await sale.now();
    for (const [name, value] of Object.entries<string | number>(fields)) {
      await sale.redis.hset(sale.keys.meta, name, base === 'clock' ? nowMs + Number(value) : value);
    }
    expect(await sale.unchangedBy('sold-out', boot, 1, 100)).toEqual([0, 0]);
  });

  it('promises nothing about a sale with more reservations than the caller can remember', async () => {
    const sale = await soldOutSale();
    expect(await sale.unchangedBy('sold-out', boot, 1, 41)).toEqual([0, 0]);
    expect(await sale.run('sold-out', boot, 1, 42)).toEqual([memoryLeaseMs, 42, 1]);
  });

  it('promises nothing about a sale that is not there', async () => {
    expect(await ledger.newSale().unchangedBy('sold-out', boot, 1, 100)).toEqual([0, 0]);
  });

  it('sells no unit that comes back while somebody may refuse from memory', async () => {
    const sale = await soldOutSale();
    const replies = await sale.atOnce(['sold-out', boot, 1, 100], ['release', 'r1', 'C'],
      ['reserve', ...sale.attempt('r2')], ['reserve', ...sale.attempt('r1')]);
    expect(replies).toEqual([[memoryLeaseMs, 42, 1], [1], [-1, 1, 0, '', 0, 0],
      [2, 1, 42, 'C', 1, expect.any(Number)]]);
    expect(await sale.counters()).toEqual([1, 0, 0, 0]);
  });

  it('keeps the last millisecond of a lease, since times are cut to milliseconds', async () => {
    const sale = await ledger.openSale({ total: 10_000 });
    const setReopensNow = `local time = redis.call('TIME')
      local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
      redis.call('HSET', KEYS[1], 'reopens', now)
      return tonumber(now)`;
    let attempts = 0;
    const codes = await until('both fall into one millisecond', async () => {
      attempts += 1;
      const transaction = sale.redis.multi().eval(setReopensNow, 1, sale.keys.meta) as unknown as
        { reserve: (...parameters: unknown[]) => unknown; exec: () => Promise<[unknown, unknown][]> };
      transaction.reserve(...keysOfScript.reserve.map((key) => sale.keys[key]),
        ...sale.attempt(`r${attempts}`));
      const [[, reopensMs] = [], [, reply] = []] = await transaction.exec();
      const [code, , , , , soldAtMs] = reply as number[];
      return (code !== 1 || soldAtMs === reopensMs) && [code];
    });
    expect(codes).toEqual([-1]);
  });

  it('sells it at once to whom every such process knows: late money buys again', async () => {
    const sale = await soldOutSale();
    const [, , stranger, late] = await sale.atOnce(['sold-out', boot, 1, 100], ['release', 'r1', 'E'],
      ['reserve', ...sale.attempt('r2', { earlier: 'not-his' })],
      ['reserve', ...sale.attempt('r3', { user: 'user-r1', earlier: 'r1' })]);
    expect([stranger, late]).toEqual([[-1, 1, 0, '', 0, 0], [1, 0, 43, 'R', 1, expect.any(Number)]]);
  });

  it.each([
    ['is over', -1], ['was given by a clock that has been set back since', 3_600_000],
  ])('sells what came back when the lease %s', async (_how, offsetMs) => {
    const sale = await ledger.openSale({ total: 1 });
    await sale.redis.hset(sale.keys.meta, 'reopens', await sale.now() + offsetMs);
    expect((await sale.reserve('r1'))[0]).toBe(1);
  });

  it('outlives a load, of which the process that refuses has yet to hear', async () => {
    const sale = await soldOutSale();
    await sale.run('sold-out', boot, 1, 100);
    const reopens = await sale.redis.hget(sale.keys.meta, 'reopens');
    await sale.load({ epoch: 2, total: 1 });
    expect(await sale.redis.hget(sale.keys.meta, 'reopens')).toBe(reopens);
  });
});
