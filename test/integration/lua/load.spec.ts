import { boot, closer, strategies, TestLedger, type TestSale } from '../../support/ledger';

const row = (rid: string, state: string, quantity: number, user: string) =>
  [rid, state, quantity, 8e12, 7, 1_700_000_000_000, 'print', user];

const rows = [
  row('r1', 'O', 2, 'ann'), row('r2', 'S', 1, 'ann'), row('r3', 'C', 2, 'ann'),
  row('r4', 'E', 1, 'bob'), row('r5', 'J', 1, 'bob'), row('r6', 'F', 1, 'bob'),
  row('r7', 'B', 1, 'bob'), row('r8', 'O2', 1, 'c|d'),
];

describe.each(strategies)('a load of a sale with %s', (strategy) => {
  let ledger: TestLedger;

  beforeAll(() => { ledger = new TestLedger(strategy); });
  afterAll(() => ledger.close());

  /** {epoch, boot, total, seq, limit, opensMs, closesMs, group, strategy, closer} */
  const begin = (epoch: number, seq = 0, run = closer) =>
    [epoch, boot, 10, seq, 2, 0, 9e12, 'relay', strategy, run];

  /** Closes the sale and begins to load it, with these arguments of load-begin. */
  async function closeAndBegin(sale: TestSale, ...args: (string | number)[]): Promise<void> {
    await sale.close();
    expect(await sale.run('load-begin', ...args)).toBe(1);
  }

  it('makes every key from a mixed set of rows, and the books balance', async () => {
    const sale = ledger.newSale();
    await sale.load({ epoch: 3, seq: 9, limit: 3, opensMs: 1, closesMs: 9e12, rows,
      adjustmentIds: ['a1', 'a2'] });
    const content = (value: unknown) => ({ lifeMs: -1, content: value });
    const record = (state: string, quantity: number, user: string) =>
      `${state}|${quantity}|8000000000000|7|3|1700000000000|0|print|${user}`;
    expect(await sale.everything()).toEqual({
      meta: content({ state: 'open', epoch: '3', boot, opens: '1', closes: '9000000000000',
        limit: '3', total: '10', available: '6', reserved: '0', ordered: '3', sold: '1',
        seq: '9', strategy }),
      records: content({ r1: record('O', 2, 'ann'), r2: record('S', 1, 'ann'),
        r3: record('C', 2, 'ann'), r4: record('E', 1, 'bob'), r5: record('J', 1, 'bob'),
        r6: record('F', 1, 'bob'), r7: record('B', 1, 'bob'), r8: record('O2', 1, 'c|d') }),
      users: content({ 'ann': '3', 'c|d': '1' }),
      due: content(['r1', '8000000000000', 'r8', '8000000000000']),
      outbox: content([[], [expect.arrayContaining(['name', 'relay']) as unknown]]),
      adjustments: content({ a1: 'loaded', a2: 'loaded' }),
      refusals: { lifeMs: -2, content: null },
      spent: { lifeMs: -2, content: null },
      tokens: sale.tokens(6),
    });
    expect(await sale.audit()).toEqual([1, 1, 10, 6, 0, 3, 1, 9, 8, 2, 0, 3, 'open', boot]);
  });

  it('adds each row once, however often its page comes', async () => {
    const sale = ledger.newSale();
    await closeAndBegin(sale, ...begin(1));
    expect(await sale.run('load-records', closer, ...rows.slice(0, 3).flat())).toBe(3);
    expect(await sale.unchangedBy('load-records', closer, ...rows.slice(0, 3).flat())).toBe(0);
    expect(await sale.run('load-records', closer, ...rows.flat(), ...rows.flat())).toBe(5);
    expect(await sale.unchangedBy('load-records', closer)).toBe(0);
    expect(await sale.counters()).toEqual([6, 0, 3, 1]);
  });

  it('does not bring back what was released while it ran, though its page still says ordered',
    async () => {
      const sale = ledger.newSale();
      await closeAndBegin(sale, ...begin(1));
      await sale.run('load-records', closer, ...rows.flat());
      expect(await sale.run('release', 'r1', 'E')).toEqual([1]);
      expect(await sale.unchangedBy('load-records', closer, ...rows.flat())).toBe(0);
      expect(await sale.counters()).toEqual([8, 0, 1, 1]);
    });

  it('sells nothing before its end', async () => {
    const sale = ledger.newSale();
    await closeAndBegin(sale, ...begin(1));
    expect(await sale.redis.hget(sale.keys.meta, 'boot')).toBe('');
    const codes = async () => [await sale.unchangedBy('reserve', ...sale.attempt('r9')),
      await sale.unchangedBy('adjust', 'a1', 1, boot, 1)];
    expect(await codes()).toEqual([[-7, 0, 0, '', 0, 0], [-7, 0]]);
    await sale.run('load-records', closer, ...rows.flat());
    expect(await codes()).toEqual([[-7, 0, 0, '', 0, 0], [-7, 0]]);
    await sale.run('open', closer, boot, 'open');
    expect((await sale.reserve('r9'))[0]).toBe(1);
  });

  it('leaves the outbox with its entries and its group as it was', async () => {
    const sale = await ledger.openSale();
    await sale.reserve('r1');
    await sale.reserve('r2');
    await sale.redis.xreadgroup('GROUP', 'relay', 'one', 'COUNT', 1,
      'STREAMS', sale.keys.outbox, '>');
    const { outbox } = await sale.everything();
    await closeAndBegin(sale, ...begin(2));
    expect((await sale.everything()).outbox).toEqual(outbox);
  });

  it('leaves proofs spent that were spent before it', async () => {
    const sale = await ledger.openSale();
    await sale.reserve('r1', { saleToken: 'token', captcha: 'answer' });
    await sale.load({ epoch: 2 });
    const attempt = (proofs: object) => sale.attempt('r2', { epoch: 2, ...proofs });
    expect(await sale.unchangedBy('reserve', ...attempt({ saleToken: 'token' })))
      .toEqual([-10, 10, 0, '', 0, 0]);
    expect(await sale.unchangedBy('reserve', ...attempt({ captcha: 'answer' })))
      .toEqual([-11, 10, 0, '', 0, 0]);
  });

  it('spends what the database knows as spent beside what was spent before, once', async () => {
    const sale = await ledger.openSale();
    await sale.reserve('r1', { saleToken: 'p1' });
    await closeAndBegin(sale, ...begin(2));
    expect(await sale.run('load-proofs', closer, 'p1', 'r8', 'p2', 'r9', 'p2', 'r7')).toBe(1);
    expect(await sale.unchangedBy('load-proofs', closer, 'p2', 'r7')).toBe(0);
    expect(await sale.unchangedBy('load-proofs', closer)).toBe(0);
    expect(await sale.redis.hgetall(sale.keys.spent)).toEqual({ p1: 'r1', p2: 'r9' });
  });


  it.each([[9, 4, '9'], [4, 9, '9'], [9, 9, '9'], [0, 10, '10'], [10, 9, '10']])(
    'goes on from the higher number: Redis %i, database %i', async (inRedis, inDatabase, seq) => {
      const sale = await ledger.openSale({ seq: inRedis });
      await closeAndBegin(sale, ...begin(2, inDatabase));
      expect(await sale.redis.hget(sale.keys.meta, 'seq')).toBe(seq);
    });

  it('begins anew, whatever an earlier load of this or an older epoch left', async () => {
    const sale = ledger.newSale();
    await closeAndBegin(sale, ...begin(1), 'a1');
    await sale.run('load-records', closer, ...rows.flat());
    for (const epoch of [1, 2, 10]) {
      expect(await sale.run('load-begin', ...begin(epoch))).toBe(1);
      expect(await sale.counters()).toEqual([10, 0, 0, 0]);
      expect(await sale.redis.exists(sale.keys.records, sale.keys.users, sale.keys.due,
        sale.keys.adjustments)).toBe(0);
      await sale.run('load-records', closer, ...rows.flat());
    }
  });

  it('is refused when a newer epoch is there, by number and not by text', async () => {
    const sale = await ledger.openSale({ epoch: 10 });
    await sale.reserve('r1', { epoch: 10 });
    await sale.close();
    expect(await sale.unchangedBy('load-begin', ...begin(9))).toBe(-7);
    expect(await sale.run('load-begin', ...begin(11))).toBe(1);
  });

  it.each(['open', 'paused', 'closed'] as const)(
    'does not wipe a live sale that is %s when its begin comes late, of whatever epoch',
    async (state) => {
      const sale = await ledger.openSale();
      await sale.reserve('r1');
      await sale.run('set-state', state);
      for (const epoch of [1, 2]) {
        expect(await sale.unchangedBy('load-begin', ...begin(epoch))).toBe(-7);
      }
    });

  it('begins only for the run that closed the sale last', async () => {
    for (const sale of [ledger.newSale(), await ledger.openSale()]) {
      expect(await sale.unchangedBy('load-begin', ...begin(2))).toBe(-7);
      await sale.close();
      await sale.close('another');
      expect(await sale.unchangedBy('load-begin', ...begin(2))).toBe(-7);
      expect(await sale.run('load-begin', ...begin(2, 0, 'another'))).toBe(1);
      expect(await sale.run('load-begin', ...begin(2, 0, 'another'))).toBe(1);
      expect(await sale.unchangedBy('load-begin', ...begin(3))).toBe(-7);
    }
  });

  it.each([
    ['load-records', [...rows.flat()]], ['load-proofs', ['p1', 'r1']], ['open', [boot, 'open']],
  ] as const)('is gone on with by its own run only, until it ends or is stopped: %s',
    async (script, args) => {
      const sale = ledger.newSale();
      await closeAndBegin(sale, ...begin(2));
      expect(await sale.unchangedBy(script, 'another', ...args)).toBe(-7);
      await sale.close('another');
      expect(await sale.unchangedBy(script, closer, ...args)).toBe(-7);
      expect(await sale.unchangedBy(script, 'another', ...args)).toBe(-7);
      // Even one of the same epoch, which a database that was set back may give twice.
      await sale.run('load-begin', ...begin(2, 0, 'another'));
      expect(await sale.unchangedBy(script, closer, ...args)).toBe(-7);
      await sale.load({ epoch: 3 });
      expect(await sale.unchangedBy(script, closer, ...args)).toBe(-7);
    });

  it.each(['open', 'paused', 'closed'])('is ended on the server that it is for, once: %s', async (state) => {
    const sale = ledger.newSale();
    await closeAndBegin(sale, ...begin(2));
    expect(await sale.unchangedBy('open', closer, 'another boot', state)).toBe(-7);
    expect(await sale.unchangedBy('open', closer, '', state)).toBe(-7);
    expect(await sale.run('open', closer, boot, state)).toBe(1);
    expect(await sale.redis.hmget(sale.keys.meta, 'state', 'boot', 'loader', 'closer'))
      .toEqual([state, boot, null, null]);
    expect(await sale.unchangedBy('open', closer, boot, state)).toBe(-7);
  });

  it('opens only for the server that it was made on', async () => {
    const sale = await ledger.openSale();
    expect((await sale.reserve('r1', { boot: 'the server that came after' }))[0]).toBe(-7);
    expect((await sale.reserve('r1'))[0]).toBe(1);
  });
});
