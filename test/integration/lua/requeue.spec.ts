import { recordLetters, type OrderStatus } from '../../../src/stock/record';
import { TestLedger, type TestSale } from '../../support/ledger';

const statuses = Object.keys(recordLetters) as OrderStatus[];

describe('requeue', () => {
  let ledger: TestLedger;

  beforeAll(() => { ledger = new TestLedger(); });
  afterAll(() => ledger.close());

  /** The fields of every entry in the outbox. */
  const outbox = async (sale: TestSale) =>
    (await sale.redis.xrange(sale.keys.outbox, '-', '+')).map(([, fields]) => fields);

  it('puts a reservation in the outbox again with all that reserve said of it', async () => {
    const sale = await ledger.openSale();
    const reply = await sale.reserve('r1', { user: 'a|b', quantity: 2, leaseMs: 0 });
    const reservedAt = String(reply[5]);
    const earliestMs = await sale.now() + 60_000;
    expect(await sale.run('requeue', 60_000, 1, 'later', 'r1')).toEqual([1]);
    expect(await sale.run('requeue', 60_000, 1, 'later', 'r1')).toEqual([2]);

    const entry = (trace: string, ip: string) => ['rid', 'r1', 'user', 'a|b', 'quantity', '2',
      'print', 'print', 'epoch', '1', 'seq', '1', 'at', reservedAt, 'trace', trace, 'ip', ip];
    expect(await outbox(sale)).toEqual([
      [...entry('trace', '10.0.0.1'), 'device', '', 'window', '0'], entry('later', ''),
      entry('later', '')]);
    const { record, due } = await sale.remembered('r1');
    expect(Number(due)).toBeGreaterThanOrEqual(earliestMs);
    expect(record).toBe(`R|2|${due}|1|1|${reservedAt}|2|print|a|b`);
    expect(await sale.counters()).toEqual([8, 2, 0, 0]);
  });

  it('only waits on when the queue is late: a new lease, no entry, no count', async () => {
    const sale = await ledger.openSale();
    await sale.reserve('r1', { leaseMs: 0 });
    const earliestMs = await sale.now() + 60_000;
    expect(await sale.run('requeue', 60_000, 0, 'trace', 'r1')).toEqual([0]);
    const { record, due } = await sale.remembered('r1');
    expect(Number(due)).toBeGreaterThanOrEqual(earliestMs);
    expect(record?.split('|')[6]).toBe('0');
    expect(await outbox(sale)).toHaveLength(1);
    expect(await sale.counters()).toEqual([9, 1, 0, 0]);
  });

  it.each(statuses.filter((status) => status !== 'reserved'))(
    'leaves a reservation that is %s as it is', async (status) => {
      const sale = await ledger.openSale();
      await sale.bring('r1', status);
      expect(await sale.unchangedBy('requeue', 1_000, 1, 'trace', 'r1')).toEqual([-1]);
      expect(await sale.unchangedBy('requeue', 1_000, 0, 'trace', 'r1')).toEqual([-1]);
    });

  it('answers for each of a batch on its own', async () => {
    const sale = await ledger.openSale();
    await sale.bring('r1', 'reserved');
    await sale.bring('r2', 'paid');
    expect(await sale.run('requeue', 1_000, 1, 'trace', 'r1', 'r2', 'nobody', 'r1'))
      .toEqual([1, -1, -1, 2]);
  });
});
