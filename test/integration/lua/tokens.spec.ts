import { boot, type Reply, type ScriptName, TestLedger, type TestSale } from '../../support/ledger';

describe('the tokens of a sale', () => {
  let ledger: TestLedger;

  beforeAll(() => { ledger = new TestLedger('tokens'); });
  afterAll(() => ledger.close());

  const count = (sale: TestSale) => sale.redis.llen(sale.keys.tokens);
  const isBalanced = async (sale: TestSale) => (await sale.audit())[1] === 1;

  it('are one for each unit on sale, whatever moves it', async () => {
    const sale = await ledger.openSale({ limit: 5 });
    await sale.bring('r1', 'frozen', { quantity: 4 });
    await sale.bring('r2', 'paid', { quantity: 3 });
    expect(await count(sale)).toBe(7);
    await sale.run('retake', ...sale.retaking('r1', 2));
    expect(await count(sale)).toBe(3);
    await sale.run('release', 'r2', 'B');
    await sale.run('adjust', 'a1', 5, boot, 1);
    expect(await count(sale)).toBe(11);
    await sale.run('adjust', 'a2', -10, boot, 1);
    expect(await count(sale)).toBe(1);
    await sale.load({ epoch: 2, total: 9, rows: [['r2', 'O', 2, 5, 1, 5, 'print', 'ann']] });
    expect(await count(sale)).toBe(7);
  });

  it.each([999, 1_000, 1_001, 2_500])('are made and taken out in any number: %i', async (units) => {
    const sale = await ledger.openSale({ total: units });
    expect(await count(sale)).toBe(units);
    await sale.run('adjust', 'a1', units, boot, 1);
    expect(await count(sale)).toBe(2 * units);
    await sale.run('adjust', 'a2', -2 * units, boot, 1);
    expect(await count(sale)).toBe(0);
    expect(await isBalanced(sale)).toBe(true);
  });

  it('are no key while nothing is on sale, and the sale is sold out', async () => {
    const sale = await ledger.openSale({ total: 1 });
    await sale.reserve('r1');
    expect(await sale.redis.exists(sale.keys.tokens)).toBe(0);
    expect((await sale.reserve('r2'))[0]).toBe(-1);
    await sale.run('release', 'r1', 'C');
    expect((await sale.reserve('r2'))[0]).toBe(1);
  });

  const faults: Record<string, (sale: TestSale) => unknown> = {
    'all are lost': (sale) => sale.redis.unlink(sale.keys.tokens),
    'one is lost': (sale) => sale.redis.lpop(sale.keys.tokens),
    'all have become a text': (sale) => sale.redis.set(sale.keys.tokens, 'a string'),
    'there is one too many': (sale) => sale.redis.rpush(sale.keys.tokens, '1'),
  };
  const calls: [ScriptName, (string | number)[], Reply][] = [
    ['reserve', ['r9', 'ann', 1, 'print', boot, 1, 30_000, 'trace', 'ip', '', 0, '', '', 0, ''],
      [-9, 0, 0, '', 0, 0]],
    ['release', ['r1', 'C'], [-9]], ['retake', ['r2', 2, boot, 1, 30_000], -9],
    ['adjust', ['a1', 1, boot, 1], [-9, 0]], ['adjust', ['a1', -1, boot, 1], [-9, 0]],
  ];

  it.each(Object.keys(faults))('move no more when %s, and the audit says so', async (fault) => {
    const sale = await ledger.openSale();
    await sale.reserve('r1');
    await sale.bring('r2', 'frozen');
    await faults[fault]?.(sale);
    expect(await isBalanced(sale)).toBe(false);
    for (const [script, args, reply] of calls) {
      expect({ script, reply: await sale.unchangedBy(script, ...args) }).toEqual({ script, reply });
    }
    await sale.load({ epoch: 2 });
    expect(await isBalanced(sale)).toBe(true);
  });

  it('may be lost, and who has bought is answered all the same', async () => {
    const sale = await ledger.openSale();
    await sale.reserve('r1');
    await sale.redis.unlink(sale.keys.tokens);
    expect(await sale.unchangedBy('reserve', ...sale.attempt('r1')))
      .toEqual([2, 9, 1, 'R', 1, expect.any(Number)]);
  });

  it('are taken by no load that finds them damaged', async () => {
    const sale = await ledger.openSale();
    await sale.redis.hset(sale.keys.meta, 'state', 'loading');
    await sale.redis.lpop(sale.keys.tokens);
    expect(await sale.unchangedBy('load-records', 1, 'r1', 'O', 1, 5, 1, 5, 'print', 'ann'))
      .toBe(-7);
  });

  it('are missed by the audit when the sale has forgotten its strategy', async () => {
    const sale = await ledger.openSale();
    await sale.redis.hdel(sale.keys.meta, 'strategy');
    expect(await isBalanced(sale)).toBe(false);
  });

  it('are none of a sale that counts, as of one loaded before there were strategies', async () => {
    const counting = new TestLedger();
    const sale = await counting.openSale();
    await sale.redis.hdel(sale.keys.meta, 'strategy');
    expect((await sale.reserve('r1'))[0]).toBe(1);
    expect(await count(sale)).toBe(0);
    expect(await isBalanced(sale)).toBe(true);
    await counting.close();
  });
});
