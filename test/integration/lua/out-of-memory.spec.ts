import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Server, startRedis } from '../../../tools/lib/servers.mjs';
import { boot, closer, type ScriptName, strategies, TestLedger, type TestSale } from '../../support/ledger';

const row = ['r9', 'O', 1, 5, 1, 5, 'print', 'ann'];

describe.each(strategies)('a Redis at its memory limit, with a sale of %s', (strategy) => {
  const begin = [2, boot, 10, 0, 2, 0, 5, 'relay', strategy, closer];
  let folder: string;
  let server: Server;
  let ledger: TestLedger;
  let sale: TestSale;
  const limitMemoryTo = (bytes: number) => ledger.redis.config('SET', 'maxmemory', bytes);

  beforeAll(async () => {
    folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'redis-'));
    server = await startRedis({ dir: folder });
    ledger = new TestLedger(strategy, server.url);
  });

  beforeEach(async () => {
    sale = await ledger.openSale();
    await sale.bring('r1', 'reserved');
    await sale.bring('r2', 'pending_payment');
    await sale.bring('r3', 'paid');
  });

  afterEach(() => limitMemoryTo(0));

  afterAll(async () => {
    await ledger.close();
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  const refused: [ScriptName, (string | number)[]][] = [
    ['reserve', ['r9', 'ann', 1, 'print', boot, 1, 1_000, 'trace', 'ip', 'phone', 0, 'token', '',
      0, '']],
    ['adjust', ['a1', 1, boot, 1]],
    ['load-begin', begin],
  ];

  it.each(refused)('refuses %s and has changed nothing', async (script, args) => {
    await sale.close();
    await limitMemoryTo(1);
    expect(String(await sale.unchangedBy(script, ...args))).toContain('OOM');
  });

  it('refuses the rows and the end of a load and has changed nothing', async () => {
    await sale.close();
    await sale.run('load-begin', ...begin);
    await limitMemoryTo(1);
    expect(String(await sale.unchangedBy('load-records', closer, ...row))).toContain('OOM');
    expect(String(await sale.unchangedBy('load-proofs', closer, 'p1', 'r1'))).toContain('OOM');
    expect(String(await sale.unchangedBy('open', closer, boot, 'open'))).toContain('OOM');
  });

  it('still gives units back, settles, confirms, renews leases, closes and audits', async () => {
    await limitMemoryTo(1);
    expect(await sale.run('requeue', 1_000, 1, 'trace', 'r1')).toEqual([1]);
    expect(await sale.run('confirm', 'r1', 5)).toEqual([1]);
    expect(await sale.run('release', 'r1', 'C')).toEqual([1]);
    expect(await sale.run('settle', 'r2')).toEqual([1]);
    expect(await sale.run('release', 'r3', 'B')).toEqual([1]);
    await sale.close();
    expect(await sale.counters()).toEqual([9, 0, 0, 1]);
  });

  it('sells again as soon as there is memory', async () => {
    await limitMemoryTo(1);
    await sale.unchangedBy('reserve', ...sale.attempt('r9'));
    await limitMemoryTo(0);
    expect((await sale.reserve('r9'))[0]).toBe(1);
  });
});
