import { QueryFailedError } from 'typeorm';

const deadlock = 1213;
const lockWaitTimeout = 1205;
const duplicateKey = 1062;
const checkViolations = new Set([3819, 4025]); // MySQL, MariaDB

/** Refusals of a server that is full, going down, or following another one: true for a while. */
const passing = new Set([
  deadlock, lockWaitTimeout,
  1021, 1114, // disk full; InnoDB says that its table is
  1040, 1203, // too many connections
  1053, 1077, // shutdown
  1290, 1836, // read-only, as after a failover
  1317, 1927, // interrupted, killed
]);

/** What is met at a server that is not there: refused, or never answered. */
const absences = new Set(['ECONNREFUSED', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND',
  'EAI_AGAIN', 'STATEMENT_TIMEOUT']);

/**
 * A statement that failed. Unlike the driver's error it carries neither the values of the
 * statement nor its text with them, so that it may be logged.
 */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';

  constructor(
    message: string,
    /** The driver's name of the failure, such as ER_DUP_ENTRY or ECONNREFUSED. */
    readonly code: string,
    /** The server's error number; undefined when the server did not answer. */
    readonly serverErrorNumber?: number,
    /** The statement, with `?` in the place of values. */
    readonly statement?: string,
  ) {
    super(message);
  }

  /** Takes over what TypeORM or the driver threw. */
  static from(failure: unknown): DatabaseError {
    if (failure instanceof DatabaseError) return failure;
    const statement = failure instanceof QueryFailedError ? failure.query : undefined;
    const error: unknown = failure instanceof QueryFailedError ? failure.driverError : failure;
    const { code = 'UNKNOWN', errno, sqlState, message = String(error) } = error as DriverError;
    return new DatabaseError(message, code, sqlState === undefined ? undefined : errno, statement);
  }
}

/** The members of mysql2's errors that are used; only the server's own have a `sqlState`. */
type DriverError = Partial<NodeJS.ErrnoException & { sqlState: string }>;

/** True when a row with the same primary or unique key exists. */
export function isDuplicateKey(error: unknown): boolean {
  return error instanceof DatabaseError && error.serverErrorNumber === duplicateKey;
}

/** True when a CHECK constraint refused the row. */
export function isCheckViolation(error: unknown): boolean {
  return error instanceof DatabaseError && checkViolations.has(error.serverErrorNumber ?? 0);
}

/** True when the database could not answer now, and the same may work later. */
export function isUnavailable(error: unknown): boolean {
  return isUnanswered(error)
    || (error instanceof DatabaseError && passing.has(error.serverErrorNumber ?? 0));
}

/** True when the server did not answer a statement: whether it took effect is unknown. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof DatabaseError && error.serverErrorNumber === undefined;
}

/**
 * True when the server was not there. A connection that broke says nothing about the next one, and
 * POOL_BUSY that too many ask.
 */
export function isAbsence(error: unknown): boolean {
  return error instanceof DatabaseError && absences.has(error.code);
}

/** True when the whole transaction should be tried again (1205 undoes only its statement). */
export function isLockConflict(error: unknown): boolean {
  if (!(error instanceof DatabaseError)) return false;
  return error.serverErrorNumber === deadlock || error.serverErrorNumber === lockWaitTimeout;
}
