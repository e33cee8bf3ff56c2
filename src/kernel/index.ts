export { assertUnreachable } from './assert-unreachable';
export { encodeBase32, idPattern, newId } from './ids';
export { ProblemError, type ProblemExtras } from './problem-error';
export { problems, type ProblemCode } from './problems';
