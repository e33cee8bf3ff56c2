import type { z } from 'zod';
import { ProblemError } from '../../kernel';

/** One thing that is wrong with a request; `path` is the field, such as `price.amount`. */
export interface ValidationFault {
  path: string;
  message: string;
}

/** More faults than this help nobody, and a hostile body could contain thousands. */
const faultsShownAtMost = 20;

/** 400 VALIDATION_FAILED with the member `errors: [{path, message}]`. */
export function validationFailed(...faults: ValidationFault[]): ProblemError {
  return new ProblemError('VALIDATION_FAILED', 'See errors for each field that is not valid.', {
    members: { errors: faults.slice(0, faultsShownAtMost) },
  });
}

/** The value as the schema reads it (defaults, coercions); throws VALIDATION_FAILED. */
export function validate<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw validationFailed(...result.error.issues.flatMap(faultsOf));
}

function faultsOf(issue: z.core.$ZodIssue): ValidationFault[] {
  const path = issue.path.map(String);
  if (issue.code !== 'unrecognized_keys') return [{ path: path.join('.'), message: issue.message }];
  return issue.keys.map((key) => ({ path: [...path, key].join('.'), message: 'Unknown field' }));
}
