import { boot, TestLedger, type TestSale } from '../../support/ledger';

/** The two proofs that a purchase can spend, and how reserve says that one is spent already. */
const kinds = [['saleToken', -10], ['captcha', -11]] as const;
const other = { saleToken: 'captcha', captcha: 'saleToken' } as const;

/** Why reserve says no for another reason than a proof; `allow` takes the reason away. */
interface Obstacle {
  code: number;
  prevent: (sale: TestSale) => unknown;
  allow: (sale: TestSale) => unknown;
}
const meta = (field: string, value: number | string) => (sale: TestSale) =>
  sale.redis.hset(sale.keys.meta, field, value);
const state = (name: string) => (sale: TestSale) => sale.run('set-state', name);
const giveBack = (sale: TestSale) => sale.run('release', 'r0', 'C');
const obstacles: Record<string, Obstacle> = {
  'is sold out': { code: -1, allow: giveBack,
    prevent: (sale) => sale.reserve('r0', { quantity: 19 }) },
  'has sold this buyer all he may have': { code: -2, allow: giveBack,
    prevent: (sale) => sale.reserve('r0', { user: 'ann', quantity: 18 }) },
  'is not open yet': { code: -4, prevent: meta('opens', 8e12), allow: meta('opens', 0) },
  'is over': { code: -5, prevent: meta('closes', 1), allow: meta('closes', 9e12) },
  'is closed': { code: -5, prevent: state('closed'), allow: state('open') },
  'is paused': { code: -6, prevent: state('paused'), allow: state('open') },
  'was loaded for another server': { code: -7, prevent: meta('boot', 'an older boot'),
    allow: meta('boot', boot) },
  'is being recovered': { code: -7, prevent: (sale) => sale.close(), allow: meta('state', 'open') },
  'cannot be read': { code: -9, prevent: meta('seq', 'nan'), allow: meta('seq', 1) },
};

describe('proofs', () => {
  let ledger: TestLedger;

  beforeAll(() => { ledger = new TestLedger(); });
  afterAll(() => ledger.close());

  const openSale = () => ledger.openSale({ total: 20, limit: 19 });
  const spent = (sale: TestSale) => sale.redis.hgetall(sale.keys.spent);
  /** An attempt that must come to nothing: its code. */
  async function refusal(sale: TestSale, ...[rid, attempt]: Parameters<TestSale['attempt']>) {
    const reply = await sale.unchangedBy('reserve', ...sale.attempt(rid, attempt));
    return Array.isArray(reply) ? reply[0] : reply;
  }

  it('are not asked for by the script: a purchase without one spends none', async () => {
    const sale = await openSale();
    await sale.reserve('r1');
    await sale.reserve('r2');
    expect(await spent(sale)).toEqual({});
  });

  it.each(['t', 't'.repeat(64), 'ABCxyz-_019', '__proto__', '-1', '007'])(
    'may have any id of 64 letters, figures, - and _: %s', async (proof) => {
      const sale = await openSale();
      expect((await sale.reserve('r1', { saleToken: proof }))[0]).toBe(1);
      expect(await refusal(sale, 'r2', { saleToken: proof })).toBe(-10);
      expect(await sale.redis.hget(sale.keys.spent, proof)).toBe('r1');
    });

  describe.each(kinds)('%s', (kind, spentCode) => {
    it('buys once, whoever brings it again', async () => {
      const sale = await openSale();
      expect((await sale.reserve('r1', { user: 'ann', [kind]: 'proof' })).slice(0, 2))
        .toEqual([1, 19]);
      for (const user of ['ann', 'bob']) {
        expect(await sale.unchangedBy('reserve', ...sale.attempt('r2', { user, [kind]: 'proof' })))
          .toEqual([spentCode, 19, 0, '', 0, 0]);
      }
      expect(await spent(sale)).toEqual({ proof: 'r1' });
      expect((await sale.reserve('r2', { user: 'ann', [kind]: 'proof-2' }))[0]).toBe(1);
    });

    it('buys once when 200 purchases bring it at the same time', async () => {
      const sale = await ledger.openSale({ total: 300 });
      const replies = await Promise.all(Array.from({ length: 200 }, (_, i) =>
        sale.reserve(`r${i}`, { [kind]: 'proof' })));
      expect(replies.filter(([code]) => code === spentCode)).toHaveLength(199);
      const winner = replies.findIndex(([code]) => code === 1);
      expect(await spent(sale)).toEqual({ proof: `r${winner}` });
      expect(await sale.redis.hkeys(sale.keys.records)).toEqual([`r${winner}`]);
      expect(await sale.counters()).toEqual([299, 1, 0, 0]);
    });

    it('answers the same order to a retry of the purchase that spent it', async () => {
      const sale = await openSale();
      const again = sale.attempt('r1', { [kind]: 'proof' });
      const [, , ...first] = await sale.reserve('r1', { [kind]: 'proof' });
      expect(await sale.unchangedBy('reserve', ...again)).toEqual([2, 19, ...first]);
      await sale.run('confirm', 'r1', 8e12);
      const [seq, , ...rest] = first;
      expect(await sale.unchangedBy('reserve', ...again)).toEqual([2, 19, seq, 'O', ...rest]);
    });

    it('is not spent by a retry that brings a new one, nor by a key used for another body',
      async () => {
        const sale = await openSale();
        await sale.reserve('r1');
        expect(await refusal(sale, 'r1', { [kind]: 'proof' })).toBe(2);
        expect(await refusal(sale, 'r1', { [kind]: 'proof', fingerprint: 'other' })).toBe(-3);
        expect((await sale.reserve('r2', { [kind]: 'proof' }))[0]).toBe(1);
      });

    it.each(Object.keys(obstacles))('is not spent by a sale that %s', async (name) => {
      const { code, prevent, allow } = obstacles[name] as Obstacle;
      const sale = await openSale();
      const attempt = { user: 'ann', quantity: 2, [kind]: 'proof' };
      await prevent(sale);
      expect(await refusal(sale, 'r1', attempt)).toBe(code);
      await allow(sale);
      expect((await sale.reserve('r1', attempt))[0]).toBe(1);
    });

    it('stays spent whatever becomes of the order', async () => {
      const sale = await openSale();
      for (const status of ['paid', 'cancelled', 'expired', 'rejected', 'refunded'] as const) {
        await sale.bring(status, status, { [kind]: `proof-of-${status}` });
        expect(await refusal(sale, 'r9', { [kind]: `proof-of-${status}` })).toBe(spentCode);
      }
    });

    it('spends nothing and holds nothing when the other proof is spent', async () => {
      const sale = await openSale();
      await sale.reserve('r1', { [kind]: 'spent' });
      expect(await refusal(sale, 'r2', { [kind]: 'spent', [other[kind]]: 'fresh' }))
        .toBe(spentCode);
      expect((await sale.reserve('r2', { [other[kind]]: 'fresh' }))[0]).toBe(1);
    });

    it('of one sale says nothing about that of another', async () => {
      const [sale, next] = [await openSale(), await openSale()];
      await sale.reserve('r1', { [kind]: 'proof' });
      expect((await next.reserve('r1', { [kind]: 'proof' }))[0]).toBe(1);
      expect(await refusal(sale, 'r2', { [kind]: 'proof' })).toBe(spentCode);
    });

    it('is told spent rather than that nothing is left', async () => {
      const sale = await ledger.openSale({ total: 1 });
      await sale.reserve('r1', { [kind]: 'proof' });
      expect(await refusal(sale, 'r2', { [kind]: 'proof' })).toBe(spentCode);
    });

    it('holds nothing when what is spent cannot be read', async () => {
      const sale = await openSale();
      await sale.redis.set(sale.keys.spent, 'a string');
      expect(String(await refusal(sale, 'r1', { [kind]: 'proof' }))).toContain('WRONGTYPE');
    });
  });

  it('are spent together by one purchase, and the sale token is named first', async () => {
    const sale = await openSale();
    const both = { saleToken: 'token', captcha: 'answer' };
    expect((await sale.reserve('r1', both))[0]).toBe(1);
    expect(await spent(sale)).toEqual({ token: 'r1', answer: 'r1' });
    expect(await refusal(sale, 'r2', both)).toBe(-10);
  });
});
