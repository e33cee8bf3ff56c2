import { Circuit, isOpenCircuit } from '.';

class Away extends Error {}

const enoughFaults = 5;
const leaveAloneMs = 1_000;

describe('circuit', () => {
  let circuit: Circuit;
  let calls: number;
  const fail = (error: Error) => circuit.run(() => { calls += 1; return Promise.reject(error); })
    .catch((thrown: unknown) => thrown);
  const succeed = () => circuit.run(() => { calls += 1; return Promise.resolve('done'); });
  const open = async () => {
    for (let fault = 0; fault < enoughFaults; fault += 1) await fail(new Away());
  };

  beforeEach(() => {
    jest.useFakeTimers();
    calls = 0;
    circuit = new Circuit((error) => error instanceof Away);
  });
  afterEach(() => { jest.useRealTimers(); });

  it('makes no call any more after five faults in a row', async () => {
    await open();
    expect(circuit.isOpen).toBe(true);
    const refusals = await Promise.all(Array.from({ length: 100 }, () => fail(new Away())));
    expect(refusals.every(isOpenCircuit)).toBe(true);
    expect(calls).toBe(enoughFaults);
  });

  it('stays closed when a call succeeds between the faults', async () => {
    for (let fault = 1; fault < enoughFaults; fault += 1) await fail(new Away());
    await succeed();
    for (let fault = 1; fault < enoughFaults; fault += 1) await fail(new Away());
    expect(circuit.isOpen).toBe(false);
  });

  it('stays closed when the part refuses what it was asked', async () => {
    for (let refusal = 0; refusal < 100; refusal += 1) await fail(new Error('no'));
    expect(circuit.isOpen).toBe(false);
    expect(calls).toBe(100);
  });

  it('lets one caller find out after a second, and nobody wait for him', async () => {
    await open();
    jest.advanceTimersByTime(leaveAloneMs);
    const answer = Promise.withResolvers<string>();
    const first = circuit.run(() => answer.promise);
    expect(await succeed().catch(isOpenCircuit)).toBe(true);
    answer.resolve('there again');
    expect(await first).toBe('there again');
    expect(await succeed()).toBe('done');
    expect(circuit.isOpen).toBe(false);
  });

  it('leaves the part alone for another second when it is still away', async () => {
    await open();
    jest.advanceTimersByTime(leaveAloneMs);
    expect(await fail(new Away())).toBeInstanceOf(Away);
    expect(await succeed().catch(isOpenCircuit)).toBe(true);
    expect(calls).toBe(enoughFaults + 1);
  });

  it('leaves the part alone for no longer when the wall clock is put back meanwhile', async () => {
    await open();
    jest.setSystemTime(Date.now() - 3_600_000);
    jest.advanceTimersByTime(leaveAloneMs);
    expect(await succeed()).toBe('done');
  });

  it('is closed at once by whoever knows that the part is there', async () => {
    await open();
    circuit.close();
    expect(await succeed()).toBe('done');
  });

  it('is open for as long as it is held, whatever calls come to, and closed after that', async () => {
    circuit.hold(true);
    circuit.hold(true);
    jest.advanceTimersByTime(leaveAloneMs);
    expect(await succeed().catch(isOpenCircuit)).toBe(true);
    expect([circuit.isOpen, calls]).toEqual([true, 0]);
    circuit.hold(false);
    expect(await succeed()).toBe('done');
    expect(circuit.isOpen).toBe(false);
  });

  it('forgets the faults of before when it is closed', async () => {
    await open();
    circuit.close();
    for (let fault = 1; fault < enoughFaults; fault += 1) await fail(new Away());
    expect(circuit.isOpen).toBe(false);
  });
});
