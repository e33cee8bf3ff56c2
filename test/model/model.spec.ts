import { largeCases, smallCases } from './cases';
import { keyFor } from './key';
import { search } from './search';
import { variants } from './variants';
import { world } from './world';

/** The longest search takes under 20 s of processor time, and may have to share the processor. */
const patienceMs = 600_000;
/** Every variant is found within fewer states; one that is not found has to end, too. */
const statesToFindAtMost = 10_000;

const cases = process.env.MODEL_SCALE === 'full' ? [...smallCases, ...largeCases] : smallCases;

describe('every interleaving of the protocol keeps its invariants', () => {
  const figures: string[] = [];
  // One write: Jest puts a frame around each.
  afterAll(() => { process.stdout.write(`${figures.join('\n')}\n`); });

  it.each(cases)('$name', ({ name, world: searched, statesAtLeast }) => {
    const startedAt = performance.now();
    const { finding, states, transitions, restingStates, longestWay } = search(searched);
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    figures.push(`${name}: ${states} states, ${transitions} steps between them, `
      + `${restingStates} at rest, ${longestWay} deep, ${seconds} s`);
    expect(finding?.trace).toBeUndefined();
    expect(states).toBeGreaterThanOrEqual(statesAtLeast);
    expect(restingStates).toBeGreaterThan(1);
  }, patienceMs);
});

describe('the search finds what is known to be wrong', () => {
  it.each(variants)('$name breaks $breaks', ({ world: searched, breaks }) => {
    const { finding, states } = search(searched, { invariants: [breaks] });
    expect(finding?.invariant).toBe(breaks);
    expect(finding?.steps.length).toBeGreaterThan(0);
    expect(states).toBeLessThan(statesToFindAtMost);
  });

  it('prints the shortest way there, state by state', () => {
    const { finding } = search(world({ badHabits: ['redis := database'] }), { invariants: ['I3'] });
    expect(finding?.steps).toEqual(['S2 reserve a', 'available is set from the database']);
    expect(finding?.trace).toContain('redis open (live) epoch 1 A1 H1 O0 S0');
  });
});

describe('what the search takes for one state', () => {
  it.each([
    { faults: { rollback: 1, lostJob: 1 } },
    { faults: { outage: 1 } },
    { faults: { doubt: 1, lostLock: 1 } },
    { habits: ['freeze'] as const, attempts: world().attempts.slice(1) },
    { delta: -1, totals: [2] },
    { totals: [1, 0], loan: 1, habits: ['ask'] as const },
  ])('behaves as one: told apart in full, %j has the same states, none wrong', (given) => {
    const searched = world(given);
    const keyOf = keyFor(searched);
    const keys = new Set<string>();
    const exact = search(searched, { keyOf: JSON.stringify,
      onState: (state) => { keys.add(keyOf(state)); } });
    expect(exact.finding?.trace).toBeUndefined();
    expect(exact.states).toBeGreaterThan(keys.size);
    expect(keys.size).toBe(search(searched).states);
  });
});
