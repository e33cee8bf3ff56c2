import { Metrics } from '../infra/metrics';
import { Turnstile } from './turnstile';

describe('the turnstile before the funnel', () => {
  let metrics: Metrics;
  let turnstile: Turnstile;
  let begun: string[];
  let ways: Map<string, PromiseWithResolvers<string>>;
  let gone: Set<string>;

  beforeEach(() => {
    jest.useFakeTimers();
    metrics = new Metrics();
    turnstile = new Turnstile(metrics);
    begun = [];
    ways = new Map();
    gone = new Set();
  });
  afterEach(() => { jest.useRealTimers(); });

  /** Resolves to the answer, or to why there is none. */
  const press = (buyer: string, saleId = 'phones') =>
    turnstile.pass({ saleId, hasLeft: () => gone.has(buyer) }, (waitedMs) => {
      begun.push(waitedMs > 0 ? `${buyer} after ${waitedMs} ms` : buyer);
      const way = Promise.withResolvers<string>();
      ways.set(buyer, way);
      return way.promise;
    }).catch((error: Error) => error.message);
  const crowd = (size: number, saleId?: string) =>
    Array.from({ length: size }, (_, buyer) => press(String(buyer), saleId));
  const waiting = async () => (await metrics.purchasesWaiting.get()).values[0]?.value ?? 0;
  const finish = async (buyer: string) => {
    ways.get(buyer)?.resolve('held');
    await jest.advanceTimersByTimeAsync(0);
  };

  it('lets 128 in at once, and the others in the sequence in which they came', async () => {
    const answers = crowd(131);
    expect(begun).toHaveLength(128);
    expect(await waiting()).toBe(3);
    await jest.advanceTimersByTimeAsync(70);
    for (const leaving of ['7', '3', '5']) await finish(leaving);
    expect(begun.slice(128)).toEqual(['128 after 70 ms', '129 after 70 ms', '130 after 70 ms']);
    expect(await waiting()).toBe(0);
    for (const buyer of ways.keys()) await finish(buyer);
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['held']));
  });

  it('is left also by who is refused', async () => {
    const answers = crowd(129);
    ways.get('0')?.reject(new Error('sold out'));
    expect(await answers[0]).toBe('sold out');
    expect(begun).toHaveLength(129);
  });

  it('does not keep a sale waiting for another', () => {
    void crowd(200, 'phones');
    void crowd(100, 'books');
    expect(begun).toHaveLength(228);
  });

  it('gives the place of one who is held up to the next, once', async () => {
    void crowd(130);
    await jest.advanceTimersByTimeAsync(1_999);
    expect(begun).toHaveLength(128);
    await jest.advanceTimersByTimeAsync(1);
    expect(begun).toHaveLength(130);
    for (const buyer of [...ways.keys()]) await finish(buyer);
    begun = [];
    void crowd(129);
    expect(begun).toHaveLength(128);
  });

  it('serves nobody who has hung up while he waited', async () => {
    const answers = crowd(130);
    gone.add('128');
    await finish('0');
    expect(await answers[128]).toMatch('Too many were before you');
    expect(begun.at(-1)).toBe('129');
  });

  it('sends away whoever has waited for more than ten seconds', async () => {
    // Each lot is held up for as long as its places last: the seventh would have its turn after 12 s.
    const answers = crowd(7 * 128);
    await jest.advanceTimersByTimeAsync(12_000);
    expect(begun).toHaveLength(6 * 128);
    expect(new Set(await Promise.all(answers.slice(6 * 128))))
      .toEqual(new Set([expect.stringContaining('Too many were before you.')]));
    expect(await waiting()).toBe(0);
  });

  it('has room for as many as before, once a crowd has gone', async () => {
    const answers = crowd(200);
    for (let buyer = 0; buyer < 200; buyer += 1) await finish(String(buyer));
    await Promise.all(answers);
    begun = [];
    void crowd(300);
    expect(begun).toHaveLength(128);
  });
});
