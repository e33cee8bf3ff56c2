import { remember } from './remember';

describe('remember', () => {
  it('makes a value once for each key', () => {
    const make = jest.fn((key: string) => ({ key }));
    const remembered = remember(make);
    const first = remembered('a');
    expect(first).toEqual({ key: 'a' });
    expect(remembered('a')).toBe(first);
    expect(remembered('b')).toEqual({ key: 'b' });
    expect(make.mock.calls).toEqual([['a'], ['b']]);
  });

  it('holds ten thousand at most, whatever it is asked for', () => {
    const make = jest.fn((key: number) => `of ${key}`);
    const remembered = remember(make);
    for (let key = 0; key <= 10_000; key += 1) remembered(key);
    expect(make).toHaveBeenCalledTimes(10_001);
    expect(remembered(10_000)).toBe('of 10000');
    expect(make).toHaveBeenCalledTimes(10_001);
    expect(remembered(0)).toBe('of 0');
    expect(make).toHaveBeenCalledTimes(10_002);
  });

  it('remembers nothing of a call that throws', () => {
    const make = jest.fn((key: string) => key).mockImplementationOnce(() => { throw new Error('once'); });
    const remembered = remember(make);
    expect(() => remembered('a')).toThrow('once');
    expect(remembered('a')).toBe('a');
  });
});
