import { boot, TestLedger } from '../../support/ledger';

/** Nobody makes that many tokens: it is for the strategy that counts. */
describe('a sale of as many units as a double can count', () => {
  let ledger: TestLedger;

  beforeAll(() => { ledger = new TestLedger(); });
  afterAll(() => ledger.close());

  it('is counted on without losing one', async () => {
    const sale = await ledger.openSale({ total: 999_999_999_999_999, seq: 999_999_999_999_998 });
    expect((await sale.reserve('r1')).slice(0, 3))
      .toEqual([1, 999_999_999_999_998, 999_999_999_999_999]);
    expect((await sale.remembered('r1')).record).toContain('|999999999999999|1|');
  });

  it('is not adjusted to a total beyond 15 digits, where a double would lose units', async () => {
    const sale = await ledger.openSale({ total: 999_999_999_999_990 });
    expect(await sale.run('adjust', 'a1', 9, boot, 1)).toEqual([1, 999_999_999_999_999]);
    expect(await sale.unchangedBy('adjust', 'a2', 1, boot, 1)).toEqual([-8, 0]);
  });
});
