import fc from 'fast-check';
import { recordLetters } from '../../../src/stock/record';
import { boot, strategies, TestLedger, type TestSale } from '../../support/ledger';

/** With the STRATEGIES_SEED that a run printed, the same sequences come again. */
const seed = Number(process.env['STRATEGIES_SEED'] ?? Date.now() % 2 ** 31);

/** What is done to a sale of this epoch; resolves to the reply. */
interface Step {
  text: string;
  run: (sale: TestSale, epoch: number) => Promise<unknown>;
}

const step = (text: string, run: Step['run']): Step => ({ text, run });
const rid = fc.integer({ min: 0, max: 9 }).map((number) => `r${number}`);
const letter = fc.constantFrom('C', 'E', 'J', 'F', 'F2', 'F3', 'B');
const rows = [['r0', 'O', 2, 5, 1, 5, 'print', 'u0'], ['r1', 'S', 1, 5, 2, 5, 'print', 'u1'],
  ['r2', 'F2', 1, 5, 3, 5, 'print', 'u1'], ['r3', recordLetters.cancelled, 1, 5, 4, 5, '', 'u2']];

const quantity = fc.integer({ min: 1, max: 3 });
const reserve = fc.tuple(rid, fc.nat({ max: 3 }), quantity, fc.nat({ max: 6 }))
  .map(([id, user, units, backlog]) => step(`u${user} buys ${units} as ${id}, backlog ${backlog}`,
    // The last of the reply is the time.
    async (sale, epoch) => (await sale.reserve(id,
      { user: `u${user}`, quantity: units, backlog, epoch })).slice(0, -1)));
const confirm = rid.map((id) => step(`confirm ${id}`, (sale) => sale.run('confirm', id, 8e12)));
const settle = rid.map((id) => step(`settle ${id}`, (sale) => sale.run('settle', id)));
const release = fc.tuple(rid, letter, rid, letter).map((pairs) =>
  step(`release ${pairs.join(' ')}`, (sale) => sale.run('release', ...pairs)));
const retake = fc.tuple(rid, fc.integer({ min: 2, max: 4 })).map(([id, hold]) =>
  step(`retake ${id} ${hold}`, (sale, epoch) =>
    sale.run('retake', ...sale.retaking(id, hold, { epoch }))));
const adjust = fc.tuple(fc.nat({ max: 5 }), fc.integer({ min: -5, max: 5 })
  .filter((delta) => delta !== 0)).map(([id, delta]) =>
  step(`adjust a${id} by ${delta}`, (sale, epoch) =>
    sale.run('adjust', `a${id}`, delta, boot, epoch)));
/** Undefined: the sale is loaded anew. */
const steps = fc.array(fc.oneof(reserve, reserve, reserve, confirm, settle, release, release,
  retake, adjust, fc.constant(undefined)), { maxLength: 40, size: 'max' });

/** All that is remembered but for times and how the units are kept. */
async function remembered(sale: TestSale): Promise<unknown> {
  const { meta, records, users, adjustments } = await sale.everything();
  const texts = Object.entries(records?.content ?? {}) as [string, string][];
  return { meta: { ...meta?.content as object, strategy: '' }, users, adjustments,
    records: texts.map(([id, text]) => [id, ...text.split('|').toSpliced(5, 1).toSpliced(2, 1)]) };
}

describe('the strategies that admit buyers in Redis', () => {
  let ledgers: TestLedger[];

  beforeAll(() => { ledgers = strategies.map((strategy) => new TestLedger(strategy)); });
  afterAll(() => Promise.all(ledgers.map((ledger) => ledger.close())));

  it('answer and remember the same, whatever is done in whatever order', async () => {
    process.stdout.write(`strategies.spec: STRATEGIES_SEED=${seed}\n`);
    await fc.assert(fc.asyncProperty(steps, async (sequence) => {
      const sales = await Promise.all(ledgers.map((ledger) => ledger.openSale({ limit: 4 })));
      let epoch = 1;
      for (const next of sequence) {
        if (!next) epoch += 1;
        const replies = await Promise.all(sales.map((sale) =>
          next ? next.run(sale, epoch) : sale.load({ epoch, limit: 4, rows })));
        for (const reply of replies) {
          expect({ step: next?.text, reply }).toEqual({ step: next?.text, reply: replies[0] });
        }
      }
      const [first, ...others] = await Promise.all(sales.map(remembered));
      for (const other of others) expect(other).toEqual(first);
    }), { numRuns: 60, seed });
  });
});
