import { describeState, legendOf } from './describe';
import { brokenAtRest, brokenBetween, brokenIn, invariantNames, type InvariantName }
  from './invariants';
import { keyFor } from './key';
import { initialState, type State } from './state';
import { nextSteps } from './steps';
import type { World } from './world';

/** The shortest way to a state, or over a step, that breaks an invariant. */
export interface Finding {
  invariant: InvariantName;
  steps: string[];
  /** The steps with the state after each, for people. */
  trace: string;
}

export interface Result {
  states: number;
  transitions: number;
  /** States in which nothing happens by itself any more. */
  restingStates: number;
  /** Steps to the state that lies farthest away. */
  longestWay: number;
  finding?: Finding;
}

interface Options {
  /** Others are not looked at. */
  invariants?: readonly InvariantName[];
  /** Tells states apart. */
  keyOf?: (state: State) => string;
  onState?: (state: State) => void;
}

/** Searches breadth first through every state that can be reached, up to the first finding. */
export function search(world: World, { invariants = invariantNames, keyOf = keyFor(world),
  onState }: Options = {}): Result {
  const start = initialState(world);
  const seen = new Set([keyOf(start)]);
  /** A state is let go once its next steps are known; the way to it stays. */
  const queue: (State | undefined)[] = [start];
  const parents = [0];
  const names = ['start'];
  const result: Result = { states: 1, transitions: 0, restingStates: 0, longestWay: 0 };
  let broken: InvariantName | undefined;
  let end = 0;

  for (let index = 0; index < queue.length && !broken; index++) {
    const current = queue[index] ?? start;
    let isResting = true;
    queue[index] = undefined;
    end = index;
    onState?.(current);
    nextSteps(world, current, (step, next, own) => {
      if (!next || next === current || broken) return;
      result.transitions += 1;
      if (own) isResting = false;
      broken = brokenBetween(world, invariants, current, next);
      const key = keyOf(next);
      if (seen.has(key) && !broken) return;
      broken ??= brokenIn(world, invariants, next);
      seen.add(key);
      end = queue.push(next) - 1;
      parents.push(index);
      names.push(step);
    });
    if (isResting && !broken) {
      result.restingStates += 1;
      broken = brokenAtRest(world, invariants, current);
      if (broken) end = index;
    }
  }
  result.states = seen.size;
  const way: string[] = [];
  for (let place = end; place > 0; place = parents[place] ?? 0) way.unshift(names[place] ?? '');
  result.longestWay = way.length;
  if (broken) {
    result.finding = { invariant: broken, steps: way, trace: traceOf(world, broken, way) };
  }
  return result;
}

function traceOf(world: World, invariant: InvariantName, way: readonly string[]): string {
  let state = initialState(world);
  const lines = [`${invariant} is broken after ${way.length} steps. ${legendOf(world)}`,
    `   ${describeState(world, state)}`];
  for (const [index, step] of way.entries()) {
    state = stateAfter(world, state, step);
    lines.push(`${String(index + 1).padStart(2)} ${step}`, `   ${describeState(world, state)}`);
  }
  return lines.join('\n');
}

/** From one state, steps of one name lead to one state. */
function stateAfter(world: World, state: State, wanted: string): State {
  let found: State | undefined;
  nextSteps(world, state, (step, next) => {
    if (step === wanted && next !== state) found ??= next;
  });
  if (!found) throw new Error(`There is no step "${wanted}"`);
  return found;
}
