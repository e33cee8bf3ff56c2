// The planner without its command line: what may be tried on made-up figures.
export { drawMinute } from './chart.mjs';
export { readFigures } from './figures.mjs';
export { readOptions } from './options.mjs';
export { describePlan } from './report.mjs';
export { simulate } from './simulation.mjs';
export { sizeOf } from './sizing.mjs';
export { warnings } from './warnings.mjs';
