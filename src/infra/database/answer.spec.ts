import { answerOf } from './answer';
import { isUnavailable } from './index';

describe('the answer to a statement', () => {
  beforeEach(() => { jest.useFakeTimers(); });
  afterEach(() => { jest.useRealTimers(); });

  it('is given up as unavailable after 30 s of silence', async () => {
    const failure = answerOf(new Promise(() => undefined)).catch((error: unknown) => error);
    await jest.advanceTimersByTimeAsync(30_000);
    expect(isUnavailable(await failure)).toBe(true);
  });

  it('is waited for longer when the statement itself waits', async () => {
    const slow = new Promise((resolve) => { setTimeout(resolve, 50_000, 'late'); });
    const answer = answerOf(slow, 60);
    await jest.advanceTimersByTimeAsync(50_000);
    expect(await answer).toBe('late');
  });

  it('leaves no timer behind', async () => {
    await answerOf(Promise.resolve(1));
    await answerOf(Promise.reject(new Error('no'))).catch(() => undefined);
    expect(jest.getTimerCount()).toBe(0);
  });
});
