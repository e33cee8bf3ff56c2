export { AddressRanges } from './address-ranges';
export { assertUnreachable } from './assert-unreachable';
export { issueBoundToken, readBoundToken, type TokenBinding } from './bound-token';
export { encodeBase32, idPattern, mayBeNewId, newId } from './ids';
export { ProblemError, TemporarilyUnavailable } from './problem-error';
export { problems, type ProblemCode } from './problems';
export { remember } from './remember';
export { Turns } from './turns';
