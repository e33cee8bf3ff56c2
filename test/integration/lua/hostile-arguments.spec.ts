import { boot, closer, type Reply, type ScriptName, strategies, TestLedger, type TestSale }
  from '../../support/ledger';

/** What is a number to Lua or to a person, but not the plain decimal count that we write. */
const noCounts = ['nan', 'NaN', 'inf', '-inf', 'Infinity', '1e3', '0x10', '-5', '-0', '+1', '', ' ',
  ' 1', '1 ', '1\n', '1\0', '1.0', '.5', '01', '00', '1_000', '1,000', 'abc', '١', '１',
  '9007199254740992', '9007199254740993', '1'.padEnd(31, '0'), '9'.repeat(16)];
const noIds = ['', ' ', 'a|b', 'a:b', 'a{b}', 'a b', 'a\n', 'a\0b', 'ä', 'a%d', 'a'.repeat(65)];
const noReleasedStates = ['', 'R', 'O', 'S', 'c', 'CC', 'X', '|', '[', 'C\n', 'ß', '2', '2F', 'F-2',
  'F123456', 'R2'];

/** One script called rightly, what each argument must be, and how the script refuses. */
interface Case {
  script: ScriptName;
  args: Record<string, string | number>;
  counts?: string[];
  ids?: string[];
  others?: Record<string, readonly string[]>;
  refusal: Reply;
  /** How many arguments are too few or too many. */
  lengths: number[];
}

const row = { rid: 'r9', state: 'O', quantity: 1, deadlineMs: 5, seq: 1, reservedAtMs: 5,
  fingerprint: 'print', userId: 'ann' };
const second = Object.fromEntries(Object.entries(row).map(([name, value]) =>
  [`second ${name}`, value]));
const cases: Case[] = [
  { script: 'reserve', refusal: [-8, 0, 0, '', 0, 0], lengths: [0, 1, 14, 16],
    args: { rid: 'r9', userId: 'ann', quantity: 1, fingerprint: 'print', boot, epoch: 1,
      leaseMs: 30_000, trace: 'trace', ip: 'ip', device: 'phone', payWindow: 0,
      saleToken: 'token', captcha: 'captcha', backlog: 0,
      earlier: 'r1' },
    counts: ['quantity', 'epoch', 'leaseMs', 'payWindow', 'backlog'], ids: ['rid', 'fingerprint'],
    others: { userId: ['', 'u'.repeat(513), '雪'.repeat(171)], boot: [''],
      quantity: ['0', '1001'], device: ['d'.repeat(513), '雪'.repeat(171)],
      saleToken: noIds.slice(1), captcha: noIds.slice(1), earlier: noIds.slice(1) } },
  { script: 'retake', refusal: -8, lengths: [0, 1, 4, 6],
    args: { rid: 'r3', hold: 2, boot, epoch: 1, leaseMs: 30_000 },
    counts: ['hold', 'epoch', 'leaseMs'], ids: ['rid'],
    others: { boot: [''], hold: ['0', '1', '100000'] } },
  { script: 'confirm', refusal: [-8], lengths: [0, 1, 3],
    args: { 'rid': 'r1', 'payBeforeMs': 5, 'second rid': 'r2', 'second payBeforeMs': 5 },
    counts: ['payBeforeMs', 'second payBeforeMs'], ids: ['rid', 'second rid'] },
  { script: 'settle', refusal: [-8], lengths: [0], args: { 'rid': 'r1', 'second rid': 'r2' },
    ids: ['rid', 'second rid'] },
  { script: 'release', refusal: [-8], lengths: [0, 1, 3],
    args: { 'rid': 'r1', 'state': 'C', 'second rid': 'r2', 'second state': 'E' },
    ids: ['rid', 'second rid'],
    others: { 'state': noReleasedStates, 'second state': noReleasedStates } },
  { script: 'requeue', refusal: [-8], lengths: [0, 1, 2, 3],
    args: { 'leaseMs': 30_000, 'again': 1, 'trace': 'trace', 'rid': 'r1', 'second rid': 'r2' },
    counts: ['leaseMs'], ids: ['rid', 'second rid'],
    others: { again: ['', '2', '10', 'true', '-1', '1\n'] } },
  { script: 'adjust', refusal: [-8, 0], lengths: [0, 1, 3, 5],
    args: { id: 'a1', delta: 5, boot, epoch: 1 }, counts: ['epoch'],
    others: { id: ['', 'a'.repeat(256)], boot: [''], delta: ['0', '-05', '--5', '-1e3', '-0x10',
      '- 5', '-10000000000000', ...noCounts.filter((text) => text !== '-5')] } },
  { script: 'load-begin', refusal: -8, lengths: [0, 1, 9],
    args: { epoch: 2, boot, total: 10, seq: 0, limit: 2, opensMs: 0, closesMs: 5, group: 'relay',
      strategy: 'lua', closer },
    ids: ['closer'],
    counts: ['epoch', 'total', 'seq', 'limit', 'opensMs', 'closesMs'],
    others: { boot: [''], group: [''], strategy: ['', 'Lua', 'lua ', 'lua\n', '1'] } },
  { script: 'load-proofs', refusal: -8, lengths: [0, 2, 4],
    args: { closer, 'proof': 'p1', 'rid': 'r1', 'second proof': 'p2', 'second rid': 'r2' },
    ids: ['closer', 'proof', 'rid', 'second proof', 'second rid'] },
  { script: 'load-records', refusal: -8, lengths: [0, 2, 8, 10, 16],
    args: { closer, ...row, ...second }, ids: ['closer', 'rid', 'second rid'],
    counts: ['quantity', 'deadlineMs', 'seq', 'reservedAtMs', 'second quantity'],
    others: { 'state': ['', 'R', 'X', 'OO', 'o', '|', 'R2', 'O-2', 'O2.5'], 'second state': ['R'],
      'fingerprint': ['a|b', 'a b', 'ä', '\n'] } },
  { script: 'open', refusal: -8, lengths: [0, 2, 4], args: { closer, boot, state: 'open' },
    others: { state: ['', 'loading', 'recovering', 'OPEN', 'open\n', '1'] } },
  { script: 'set-state', refusal: -8, lengths: [0, 2], args: { state: 'paused' },
    others: { state: ['', 'loading', 'recovering', 'OPEN', 'sold_out', 'open\0', '1'] } },
  { script: 'set-state', refusal: -8, lengths: [1, 3], args: { state: 'recovering', closer },
    others: { state: ['', 'open', 'paused', 'closed', 'loading'], closer: [''] } },
  { script: 'sold-out', refusal: [-8, 0], lengths: [0, 1, 2, 4],
    args: { boot, epoch: 1, seqAtMost: 100 }, counts: ['epoch', 'seqAtMost'], others: { boot: [''] } },
  { script: 'acknowledge-outbox', refusal: -8, lengths: [0, 1],
    args: { 'group': 'relay', 'id': '1-1', 'second id': '1-2' },
    others: { 'id': ['', '-', '1-', '-1', '1', '1-1-1', '1-a', '>', '$', '1-1\n'], 'second id': [''] } },
];

describe.each(cases)('$script', ({ script, args, counts = [], ids = [], others = {}, refusal,
  lengths }) => {
  let ledger: TestLedger;
  let sale: TestSale;

  beforeAll(async () => {
    ledger = new TestLedger();
    sale = await ledger.openSale();
    await sale.reserve('r1');
    await sale.bring('r2', 'pending_payment');
    await sale.bring('r3', 'frozen');
  });
  afterAll(() => ledger.close());

  it.each([
    ...counts.map((name) => [name, 'is no plain count', noCounts] as const),
    ...ids.map((name) => [name, 'is no id', noIds] as const),
    ...Object.entries(others).map(([name, values]) =>
      [name, 'is not what it may be', values] as const),
  ])('refuses and changes nothing when %s %s', async (name, _fault, values) => {
    for (const value of values) {
      const hostile = Object.values({ ...args, [name]: value });
      expect({ hostile, reply: await sale.unchangedBy(script, ...hostile) })
        .toEqual({ hostile, reply: refusal });
    }
  });

  it.each(lengths)('refuses and changes nothing when it is given %i arguments', async (length) => {
    const given = [...Object.values(args), ...Object.values(args)].slice(0, length);
    expect(await sale.unchangedBy(script, ...given)).toEqual(refusal);
  });
});

describe.each(strategies)('scripts without a limit on their arguments, of %s', (strategy) => {
  let ledger: TestLedger;

  beforeAll(() => { ledger = new TestLedger(strategy); });
  afterAll(() => ledger.close());

  it('take 8100 reservations in one call, more than Lua can unpack', async () => {
    const sale = await ledger.openSale({ total: 8_100 });
    const rids = Array.from({ length: 8_100 }, (_, i) => `r${i}`);
    const ones = Array<number>(8_100).fill(1);
    await Promise.all(rids.map((rid) => sale.reserve(rid)));
    expect(await sale.run('requeue', 1_000, 1, 'trace', ...rids)).toEqual(ones);
    expect(await sale.run('confirm', ...rids.flatMap((rid) => [rid, 5]))).toEqual(ones);
    expect(await sale.run('settle', ...rids)).toEqual(ones);
    expect(await sale.run('release', ...rids.flatMap((rid) => [rid, 'B']))).toEqual(ones);
    expect(await sale.counters()).toEqual([8_100, 0, 0, 0]);
    const rows = rids.slice(0, 2_000).map((rid, i) => [rid, 'S', 1, 5, i, 5, '', rid]);
    await sale.load({ epoch: 2, total: 8_100, rows, adjustmentIds: rids });
    expect(await sale.counters()).toEqual([6_100, 0, 0, 2_000]);
  });
});
