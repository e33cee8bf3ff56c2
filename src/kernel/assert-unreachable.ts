/**
 * Ends a switch over a union: a case that was forgotten does not compile.
 * Throws when a value arrives that the types say cannot exist.
 */
export function assertUnreachable(value: never): never {
  throw new Error(`No case handles ${JSON.stringify(value)}`);
}
