import { Refusals } from './refusals';

const policy = { name: 'user', sentence: 'You have asked too often.',
  windows: [{ limit: 10, windowSeconds: 1 }, { limit: 120, windowSeconds: 60 }] };

describe('a refusal', () => {
  it('says which policy refused, and when to come back', () => {
    expect(new Refusals(policy).after(2_000.1)).toMatchObject({
      code: 'RATE_LIMITED', status: 429, detail: 'You have asked too often. Ask again in 3 s.',
      headers: { 'Retry-After': '3', 'RateLimit': '"user";r=0;t=3',
        'RateLimit-Policy': '"user";q=10;w=1, "user";q=120;w=60' },
    });
  });

  it.each([[0.001, '1'], [1_000, '1'], [1_000.001, '2'], [59_999, '60']])(
    'after %d ms is promised in whole seconds, never too early: %s', (waitMs, seconds) => {
      expect(new Refusals(policy).after(waitMs).headers['Retry-After']).toBe(seconds);
    });

  it('is built once for all who wait as long', () => {
    const refusals = new Refusals(policy);
    expect(refusals.after(1_500)).toBe(refusals.after(2_000));
    expect(refusals.after(1_500)).not.toBe(refusals.after(2_001));
  });

  it('is not kept without end where windows are long', () => {
    const refusals = new Refusals(policy);
    const first = refusals.after(1_000);
    for (let seconds = 1; seconds <= 86_400; seconds += 1) refusals.after(seconds * 1_000);
    expect(refusals.after(1_000)).not.toBe(first);
  });
});
