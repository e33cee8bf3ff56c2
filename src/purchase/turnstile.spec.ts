import { setImmediate as nextTurn } from 'node:timers/promises';
import { Metrics } from '../infra/metrics';
import { Turnstile } from './turnstile';

describe('the turnstile before the funnel', () => {
  let metrics: Metrics;
  let turnstile: Turnstile;
  let begun: number[];
  let gates: PromiseWithResolvers<string>[];

  beforeEach(() => {
    metrics = new Metrics();
    turnstile = new Turnstile(metrics);
    begun = [];
    gates = [];
  });

  const press = (buyer: number) => turnstile.pass(() => {
    begun.push(buyer);
    gates[buyer] = Promise.withResolvers();
    return gates[buyer].promise;
  });
  const crowd = (size: number) => Array.from({ length: size }, (_, buyer) => press(buyer));
  const waiting = async () => (await metrics.purchasesWaiting.get()).values[0]?.value;

  it('lets 128 in at once, and the others in the sequence in which they came', async () => {
    const answers = crowd(131);
    expect(begun).toHaveLength(128);
    expect(await waiting()).toBe(3);
    for (const leaving of [7, 3, 5]) {
      gates[leaving]?.resolve('held');
      await nextTurn();
    }
    expect(begun.slice(128)).toEqual([128, 129, 130]);
    expect(await waiting()).toBe(0);
    for (const { resolve } of gates) resolve('held');
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['held']));
  });

  it('is left also by who is refused, at once or later', async () => {
    const answers = crowd(128);
    const refused = turnstile.pass(() => { throw new Error('no'); });
    gates[0]?.reject(new Error('sold out'));
    await expect(answers[0]).rejects.toThrow('sold out');
    await expect(refused).rejects.toThrow('no');
    void press(129);
    await nextTurn();
    expect(begun.at(-1)).toBe(129);
  });

  it('has room for as many as before, once a crowd has gone', async () => {
    for (let round = 0; round < 3; round += 1) {
      const answers = crowd(200);
      while (gates.length < 200) {
        for (const { resolve } of gates) resolve('held');
        await nextTurn();
      }
      for (const { resolve } of gates) resolve('held');
      await Promise.all(answers);
      gates = [];
    }
    begun = [];
    void crowd(300);
    expect(begun).toHaveLength(128);
  });
});
