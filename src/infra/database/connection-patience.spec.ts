import { ConnectionTurns, onBehalfOfBuyer } from './connection-patience';

const busy = expect.objectContaining({ code: 'POOL_BUSY' }) as Error;

describe('whose turn it is to have a connection', () => {
  let turns: ConnectionTurns;
  let served: string[];

  beforeEach(() => {
    jest.useFakeTimers();
    turns = new ConnectionTurns(1);
    served = [];
  });
  afterEach(() => { jest.useRealTimers(); });

  const ask = (name: string) => turns.take().then(() => { served.push(name); });

  it('is that of who has waited longest', async () => {
    await ask('first');
    const others = ['second', 'third'].map(ask);
    expect(turns.tryTake()).toBe(false);
    turns.give();
    await others[0];
    expect(served).toEqual(['first', 'second']);
    turns.give();
    await others[1];
    turns.give();
    expect([served, turns.tryTake()]).toEqual([['first', 'second', 'third'], true]);
  });

  it('never comes for who has gone: a buyer after a second, others after thirty', async () => {
    await ask('first');
    const buyer = Promise.withResolvers<void>();
    onBehalfOfBuyer(() => { buyer.resolve(ask('buyer')); });
    const gone = [expect(buyer.promise).rejects.toEqual(busy)];
    const operator = ask('operator');
    gone.push(expect(ask('worker')).rejects.toEqual(busy));
    await jest.advanceTimersByTimeAsync(1_000);
    turns.give();
    await operator;
    await jest.advanceTimersByTimeAsync(29_000);
    await Promise.all(gone);
    turns.give();
    expect([served, turns.tryTake()]).toEqual([['first', 'operator'], true]);
  });

  it('is waited for patiently by a buyer who has been served', async () => {
    const again = Promise.withResolvers<void>();
    onBehalfOfBuyer(() => {
      // As he is who finds out whether a server that was away is there again.
      expect(turns.tryTake()).toBe(true);
      again.resolve(ask('the same'));
    });
    await jest.advanceTimersByTimeAsync(5_000);
    turns.give();
    await again.promise;
    expect(served).toEqual(['the same']);
  });

  it('is refused at once when a thousand wait', async () => {
    await ask('first');
    const waiting = Array.from({ length: 1_000 }, () => turns.take());
    await expect(turns.take()).rejects.toEqual(busy);
    for (let given = 0; given < waiting.length; given += 1) turns.give();
    await Promise.all(waiting);
  });
});
