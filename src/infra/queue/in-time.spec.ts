import { toProblem } from '../http';
import { inTime } from './in-time';

afterEach(() => { jest.useRealTimers(); });

describe('a question to a queue', () => {
  it('is answered as the queue answers it', async () => {
    expect(await inTime(Promise.resolve(7))).toBe(7);
    await expect(inTime(Promise.reject(new Error('no')))).rejects.toThrow('no');
  });

  it('is "unavailable" when Redis is away for longer than a restart', async () => {
    jest.useFakeTimers();
    const asked = inTime(new Promise(() => undefined)).catch((error: unknown) => toProblem(error));
    jest.advanceTimersByTime(5_000);
    expect(await asked).toMatchObject({ code: 'TEMPORARILY_UNAVAILABLE' });
  });
});
