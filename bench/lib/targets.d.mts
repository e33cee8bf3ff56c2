/** Types of targets.mjs for the test that is written in TypeScript. */

export interface TargetRow { name: string; wanted: string; measured: number; reached: 'yes' | 'no' }

export function targetsReached(results: object): TargetRow[];
