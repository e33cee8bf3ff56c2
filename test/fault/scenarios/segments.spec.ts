import type { RowDataPacket } from 'mysql2';
import { stockIdOf, stockIdsOf } from '../../../src/sale';
import { saleKeys } from '../../../src/stock/sale-keys';
import { until } from '../../support/until';
import { dieAt } from '../support/crash';
import { scenario } from '../support/scenario';
import { scale, type Outcome, type Stage, type StageSettings } from '../support/stage';

type Side = 'lender' | 'borrower';

const segments = 6;
const stock = 1_500;

/** Two of three buyers are of one home, which runs out before the fault: the others lend to it. */
const settings = {
  sale: { segments, stock }, warmUp: 250, timeoutSeconds: 500,
  comes: (saleId, userId) => isAtHome(saleId, userId) || userId.endsWith('7'),
} satisfies StageSettings & { timeoutSeconds: number };

function isAtHome(saleId: string, userId: string): boolean {
  return stockIdOf({ id: saleId, segments }, userId) === homeOf(saleId);
}

function homeOf(saleId: string): string {
  return `${saleId}-0`;
}

/**
 * Does harm while a loan is under way: the row of one side is locked, and Redis has given the
 * lender's units away. For a lender its database has not yet, for a borrower nobody has them.
 */
async function amidLoan({ deployment, saleId }: Stage, side: Side,
  harm: () => Promise<unknown>): Promise<void> {
  const locked = stockIdsOf({ id: saleId, segments })
    .filter((id) => (id === homeOf(saleId)) === (side === 'borrower'));
  const operator = await deployment.connectDatabase();
  try {
    await operator.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
    await operator.query('START TRANSACTION');
    await operator.query('SELECT total FROM sale_stock WHERE sale_id IN (?) FOR UPDATE', [locked]);
    await until('a loan waits for its row', async () => {
      const [[loan]] = await operator.query<(RowDataPacket & { id: string; lender: string })[]>(
        `SELECT l.id, l.lender FROM segment_loans l
          JOIN stock_adjustments a ON a.sale_id = l.lender AND a.id = l.id
          WHERE l.sale_id = ? AND l.borrower = ? AND l.status = 'begun' AND a.status = ?
          ORDER BY l.created_at LIMIT 1`,
        [saleId, homeOf(saleId), side === 'borrower' ? 'done' : 'pending']);
      const { adjustments } = saleKeys(deployment.config.redisNamespace, loan?.lender ?? '');
      return loan && await deployment.redis.hexists(adjustments, loan.id) === 1;
    }, 60_000);
    await harm();
  } finally {
    await operator.end();
  }
}

/** Units were lent and none came or went; and the buyers of one home can have all that is left. */
async function expectNothingStranded({ client, saleId }: Stage, { books }: Outcome): Promise<void> {
  // A few shoppers may leave what is left to the buyers below.
  expect(books.loans.filter(({ status }) => status === 'done').length)
    .toBeGreaterThan(scale === 'small' ? 0 : 1);
  expect(books.database.total).toBe(stock);
  let buyers = 0;
  for (let code: string | undefined; code !== 'SOLD_OUT';) {
    buyers += 1;
    const userId = `late-${buyers}`;
    if (!isAtHome(saleId, userId)) continue;
    const { body } = await until('there is an answer', async () => {
      const answer = await client.buy(saleId, userId, { key: userId });
      return answer.status !== 503 && answer;
    }, 60_000);
    code = body.code;
    expect([undefined, 'SOLD_OUT']).toContain(code);
  }
  expect((await client.stock(saleId)).redis.available).toBe(0);
}

for (const side of ['lender', 'borrower'] as const) {
  scenario(`segments lend, an API process and a worker are killed, the ${side} has not written yet`,
    { ...settings, row: `Segments: SIGKILL of an API process and of a worker amid a loan, ${side}`,
      // Were they the only ones, nobody would buy on.
      processes: ['api', 'api', 'worker', 'worker'] }, async (stage) => {
      const { deployment, crowd, random } = stage;
      const victims = (['api', 'worker'] as const).map((role) =>
        random.pick(deployment.processes(role)));
      await amidLoan(stage, side, () => stage.inject('both are killed', () =>
        Promise.all(victims.map((victim) => victim.end()))));
      await crowd.acknowledge(60);
      await stage.heal(() => Promise.all([
        deployment.start({ roles: 'api' }), deployment.start({ roles: 'worker' })]));
    }, expectNothingStranded);

  scenario(`segments lend, Redis is killed, the ${side} has not written yet: all is sold in the end`,
    { ...settings, row: `Segments: Redis kill -9 amid a loan, ${side}` }, async (stage) => {
      const { servers, random } = stage;
      await amidLoan(stage, side, () => stage.inject('Redis is killed', () => servers.killRedis()));
      await stage.pass(random.integer(0, 3_000));
      await stage.heal(() => servers.startRedis());
    }, expectNothingStranded);

  scenario(`segments lend, Redis comes back empty, the ${side} has not written yet: units are once`,
    { ...settings, row: `Segments: Redis restarted empty amid a loan, ${side}`, mayLose: true },
    async (stage) => {
      const { servers, random } = stage;
      await amidLoan(stage, side, () => stage.inject('Redis is killed', () => servers.killRedis()));
      servers.emptyRedis();
      await stage.pass(random.integer(0, 3_000));
      await stage.heal(() => servers.startRedis());
    }, expectNothingStranded);
}

const points = ['loan-before-sides', 'adjust-between-sides', 'loan-between-sides',
  'loan-after-sides'] as const;

for (const point of points) {
  scenario(`segments lend, a process dies at ${point}: others complete the loan, once`,
    { ...settings, row: `Segments: SIGKILL within a loan (${point})` }, async (stage) => {
      // Units that last until he has started, however long it takes.
      stage.crowd.hold();
      await dieAt(stage, point, async () => { stage.crowd.rush(); });
      await stage.heal(() => undefined);
    }, expectNothingStranded);
}

scenario('segments lend, a process dies between the sides, and so does who completes the other one',
  { ...settings, row: 'Segments: SIGKILL between the sides, then within the borrower\'s',
    processes: ['api', 'worker'] }, async (stage) => {
    const { deployment, crowd } = stage;
    crowd.hold();
    // Whoever else works would complete it.
    await Promise.all(deployment.processes('worker').map((worker) => worker.end()));
    await dieAt(stage, 'loan-between-sides', async () => { crowd.rush(); }, 'api');
    crowd.hold();
    await dieAt(stage, 'adjust-between-sides', undefined, 'worker');
    crowd.rush();
    await stage.heal(() => deployment.start({ roles: 'worker' }));
  }, expectNothingStranded);
