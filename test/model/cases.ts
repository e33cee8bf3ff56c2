import { buyers, world, type World } from './world';

/** A world that is searched to its end, and how many states it has at least. */
export interface Case {
  name: string;
  world: World;
  statesAtLeast: number;
}

const oneBuyerTwice = buyers(2).map((attempt) => ({ ...attempt, buyer: 'buyer' }));

/** Small enough for every run of the tests. */
export const smallCases: readonly Case[] = [
  { name: 'one unit, two buyers', world: world(), statesAtLeast: 1 },
];

/** The same with more of everything, for MODEL_SCALE=full. */
export const largeCases: readonly Case[] = [];
