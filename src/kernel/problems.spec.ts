import { ProblemError, problems, type ProblemCode } from './index';

describe('problems', () => {
  it('gives every code an error status and a title of its own', () => {
    const entries = Object.values(problems);
    for (const { status } of entries) expect(status).toBeGreaterThanOrEqual(400);
    expect(new Set(entries.map(({ title }) => title)).size).toBe(entries.length);
    for (const code of Object.keys(problems)) expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/);
  });

  it.each<[ProblemCode, number]>([
    ['UNAUTHENTICATED', 401],
    ['SOLD_OUT', 409],
    ['IDEMPOTENCY_KEY_REUSED', 422],
    ['TEMPORARILY_UNAVAILABLE', 503],
  ])('answers %s with status %i', (code, status) => {
    expect(new ProblemError(code, 'why').status).toBe(status);
  });

  it('keeps headers, members and the cause of a problem', () => {
    const cause = new Error('socket closed');
    const problem = new ProblemError('SALE_NOT_OPEN', 'Come back later.', {
      headers: { 'Retry-After': '1' }, members: { opensAt: 1 }, cause,
    });
    expect(problem).toMatchObject({
      code: 'SALE_NOT_OPEN', detail: 'Come back later.', cause,
      headers: { 'Retry-After': '1' }, members: { opensAt: 1 },
    });
  });
});
