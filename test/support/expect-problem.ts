import { problems, type ProblemCode } from '../../src/kernel';
import type { Answer } from './client';

/** Fails unless the answer is the problem document of this code, with every member it must have. */
export function expectProblem(answer: Answer<unknown>, code: ProblemCode): void {
  const { status, title } = problems[code];
  expect({ status: answer.status, code: answer.body.code }).toEqual({ status, code });
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.body).toMatchObject({
    type: expect.stringMatching(/^urn:fairdrop:problem:[a-z-]+$/), title, status,
    detail: expect.stringMatching(/./), traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
  });
  expect(answer.body.traceId).toBe(answer.headers['x-trace-id']);
  if (status === 503) expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
}
