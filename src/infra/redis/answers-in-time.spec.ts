import { answersInTime } from './answers-in-time';

const never = new Promise<string>(() => undefined);

describe('the answers of several servers', () => {
  it('are those that come in time', async () => {
    const asked = [Promise.resolve('one'), never, Promise.reject(new Error('away')),
      Promise.resolve('four')];
    expect(await answersInTime(asked, 20)).toEqual(['one', 'four']);
  });

  it('fail when none comes', async () => {
    await expect(answersInTime([Promise.reject(new Error('away')), never], 20))
      .rejects.toThrow('away');
    await expect(answersInTime([never], 20)).rejects.toThrow('Command timed out');
  });

  it('are none when nobody was asked', async () => {
    expect(await answersInTime([], 20)).toEqual([]);
  });
});
