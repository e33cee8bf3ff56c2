import { TestLedger, type TestSale } from '../../support/ledger';

type Entries = [id: string, fields: string[]][];

describe('the outbox of a sale', () => {
  let ledger: TestLedger;
  let sale: TestSale;

  beforeAll(() => { ledger = new TestLedger(); });
  afterAll(() => ledger.close());

  beforeEach(async () => {
    sale = await ledger.openSale();
    for (const rid of ['r1', 'r2', 'r3', 'r4']) await sale.reserve(rid);
  });

  async function take(relay: string, count: number): Promise<Entries> {
    const text = String(await sale.run('take-outbox', 'relay', relay, count));
    return text === '' ? [] : JSON.parse(text) as Entries;
  }

  const idsOf = (entries: Entries) => entries.map(([id]) => id);
  const acknowledge = (entries: Entries) =>
    sale.run('acknowledge-outbox', 'relay', ...idsOf(entries));
  const idsLeft = async () => idsOf(await sale.redis.xrange(sale.keys.outbox, '-', '+'));
  const idsPending = async () => (await sale.redis.xpending(sale.keys.outbox, 'relay', '-', '+', 9))
    .map((entry) => (entry as string[])[0]);

  it('gives every entry to one relay, in its sequence, as it was written', async () => {
    const written = await sale.redis.xrange(sale.keys.outbox, '-', '+');
    const [first, second, third] = [await take('one', 3), await take('two', 3), await take('one', 3)];
    expect([...first, ...second]).toEqual(written);
    expect([first.length, third.length]).toEqual([3, 0]);
    expect(await idsPending()).toEqual(idsOf(written));
  });

  it('carries whatever a name may hold', async () => {
    const user = '雪 "quoted" \\ / \u0001 | 🎟';
    await sale.reserve('r5', { user });
    const fields = (await take('one', 5)).at(-1)?.[1] ?? [];
    expect(fields[fields.indexOf('user') + 1]).toBe(user);
  });

  it('fails without the group, so that a relay makes it', async () => {
    await sale.redis.xgroup('DESTROY', sale.keys.outbox, 'relay');
    await expect(take('one', 3)).rejects.toThrow('NOGROUP');
  });

  it('loses what is acknowledged, once, and nothing that has not been taken', async () => {
    const taken = await take('one', 3);
    const left = (await idsLeft()).slice(3);
    expect(await acknowledge(taken)).toBe(3);
    expect([await idsLeft(), await idsPending()]).toEqual([left, []]);
    expect(await acknowledge(taken)).toBe(0);
    expect(await idsLeft()).toEqual(left);
  });

  it.each([['the older half', [0, 1]], ['the newer half', [1, 0]]])(
    'keeps what another relay still has, when %s is acknowledged first', async (_which, sequence) => {
      const halves = [await take('one', 2), await take('two', 2)];
      const [first = [], second = []] = sequence.map((index) => halves[index] ?? []);
      expect(await acknowledge(first)).toBe(2);
      expect([await idsLeft(), await idsPending()]).toEqual([idsOf(second), idsOf(second)]);
      expect(await acknowledge(second)).toBe(2);
      expect(await idsLeft()).toEqual([]);
    });

  it('keeps older entries that a group made anew has not given out', async () => {
    const taken = (await take('one', 4)).slice(2);
    await sale.redis.xgroup('DESTROY', sale.keys.outbox, 'relay');
    await sale.redis.xgroup('CREATE', sale.keys.outbox, 'relay', '0');
    const left = (await idsLeft()).slice(0, 2);
    expect(await acknowledge(taken)).toBe(0);
    expect(await idsLeft()).toEqual(left);
  });

  it('tells ids of one millisecond apart by their number, not by their text', async () => {
    const { outbox } = sale.keys;
    for (const number of [9, 10]) await sale.redis.xadd(outbox, `9000000000000-${number}`, 'rid', 'r9');
    await take('one', 5);
    const [last = []] = [await take('two', 1)];
    expect(idsOf(last)).toEqual(['9000000000000-10']);
    const older = (await idsLeft()).slice(0, 5);
    expect(await acknowledge(last)).toBe(1);
    expect(await idsLeft()).toEqual(older);
  });
});
