import { boot, closer, TestLedger } from '../../support/ledger';

const operatorStates = ['open', 'paused', 'closed'];

describe('set-state', () => {
  let ledger: TestLedger;

  beforeAll(() => { ledger = new TestLedger(); });
  afterAll(() => ledger.close());

  const moves = operatorStates.flatMap((from) =>
    operatorStates.map((to) => [from, to] as const));

  it.each(moves)('changes the state and nothing else: %s → %s', async (from, to) => {
    const sale = await ledger.openSale();
    await sale.reserve('r1');
    await sale.run('set-state', from);
    const { meta, ...rest } = await sale.everything();
    expect(await sale.run('set-state', to)).toBe(1);
    const after = await sale.everything();
    expect(after).toEqual({ ...rest, meta: after.meta });
    expect(after.meta).toEqual({ lifeMs: -1,
      content: { ...(meta as { content: object }).content, state: to } });
  });

  it.each(operatorStates)('leaves recovery and load to their own end: %s waits', async (state) => {
    const sale = await ledger.openSale();
    await sale.close();
    expect(await sale.unchangedBy('set-state', state)).toBe(0);
    await sale.run('load-begin', 2, boot, 10, 0, 2, 0, 5, 'relay', 'lua', closer);
    expect(await sale.unchangedBy('set-state', state)).toBe(0);
  });

  it('stops a load by a recovery that began after it', async () => {
    const sale = ledger.newSale();
    await sale.close();
    await sale.run('load-begin', 2, boot, 10, 0, 2, 0, 5, 'relay', 'lua', closer);
    await sale.close('another');
    expect(await sale.unchangedBy('set-state', 'recovering', 'another')).toBe(1);
    expect(await sale.redis.hmget(sale.keys.meta, 'state', 'closer'))
      .toEqual(['recovering', 'another']);
  });

  it.each(operatorStates)('of recovery leaves the name of its run until the end: %s before',
    async (state) => {
      const sale = await ledger.openSale({ state: state as 'open' });
      const { meta, ...rest } = await sale.everything();
      await sale.close();
      const after = await sale.everything();
      expect(after).toEqual({ ...rest, meta: after.meta });
      expect(after.meta?.content)
        .toEqual({ ...(meta as { content: object }).content, state: 'recovering', closer });
      await sale.load({ epoch: 2 });
      expect(await sale.redis.hexists(sale.keys.meta, 'closer')).toBe(0);
    });

  it('of recovery leaves the name of its run, but no sale, where there is none', async () => {
    const sale = ledger.newSale();
    await sale.close();
    expect(await sale.redis.hgetall(sale.keys.meta)).toEqual({ state: 'recovering', closer });
    expect((await sale.audit())[0]).toBe(0);
    expect((await sale.reserve('r1'))[0]).toBe(-9);
  });
});

describe('audit', () => {
  let ledger: TestLedger;

  beforeAll(() => { ledger = new TestLedger(); });
  afterAll(() => ledger.close());

  it('tells all counts of a sale in one look', async () => {
    const sale = await ledger.openSale({ total: 20, epoch: 4, seq: 5 });
    const attempt = { epoch: 4, quantity: 2 };
    for (const status of ['reserved', 'pending_payment', 'paid', 'cancelled'] as const) {
      await sale.bring(status, status, attempt);
    }
    await sale.reserve('r5', { epoch: 4 });
    expect(await sale.unchangedBy('audit'))
      .toEqual([1, 1, 20, 13, 3, 2, 2, 10, 5, 3, 5, 4, 'open', boot]);
  });

  it('says of a sale that is not there that it is not loaded', async () => {
    expect(await ledger.newSale().unchangedBy('audit'))
      .toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', '']);
  });

  it.each([['a unit too many', '10'], ['a unit too few', '8'], ['fewer than none', '-1']])(
    'sees that the books do not balance: %s available', async (_title, available) => {
      const sale = await ledger.openSale();
      await sale.reserve('r1');
      await sale.redis.hset(sale.keys.meta, 'available', available);
      expect((await sale.audit()).slice(0, 4)).toEqual([1, 0, 10, Number(available)]);
    });

  it('is not deceived by counts that add up but are negative', async () => {
    const sale = await ledger.openSale();
    for (const [field, other] of [['reserved', 'ordered'], ['ordered', 'sold'],
      ['sold', 'available'], ['available', 'reserved']] as const) {
      await sale.redis.hset(sale.keys.meta, { available: 0, reserved: 0, ordered: 0, sold: 0,
        [field]: -1, [other]: 11 });
      expect((await sale.audit()).slice(0, 2)).toEqual([1, 0]);
    }
  });

  it.each(['total', 'available', 'reserved', 'ordered', 'sold', 'seq', 'epoch', 'limit', 'opens',
    'closes'])('calls a sale not loaded when its %s is missing or unreadable', async (field) => {
    const sale = await ledger.openSale();
    for (const value of ['', 'abc', 'nan', 'inf', '1.5', '1e3', '0x10', ' 1', '9'.repeat(30)]) {
      await sale.redis.hset(sale.keys.meta, field, value);
      expect({ value, says: (await sale.audit()).slice(0, 2) }).toEqual({ value, says: [0, 0] });
    }
    await sale.redis.hdel(sale.keys.meta, field);
    expect((await sale.audit()).slice(0, 2)).toEqual([0, 0]);
  });

  it.each(['state', 'boot'])('calls a sale not loaded when its %s is missing', async (field) => {
    const sale = await ledger.openSale();
    await sale.redis.hdel(sale.keys.meta, field);
    expect((await sale.audit()).slice(0, 2)).toEqual([0, 0]);
  });
});
