/** Types of mutants.mjs for the tests that are written in TypeScript. */

export interface Mutant {
  guard: string;
  path: string;
  find: string;
  replace: string;
  specs: string[];
}

export const mutants: Mutant[];
