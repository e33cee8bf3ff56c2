import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { idPattern, ProblemError } from '../../kernel';
import { inputsOf, type RouteInputs } from './describe';
import { deviceIdOf } from './request';
import { validate, validationFailed } from './validate';

/** Longest wait that `Prefer: wait=n` may ask for, in seconds. */
export const waitSecondsAtMost = 30;

const idempotencyKeyPattern = /^[\x21-\x7e]{1,255}$/;
const pathId = z.string().regex(idPattern, `An id matches ${idPattern.source}`);
const waitPattern = /(?:^|[,;\s])wait=(\d{1,9})(?:$|[,;\s])/;

/** The JSON body as the schema reads it. A missing body is a fault like a wrong one. */
export function ValidBody(schema: z.ZodType): ParameterDecorator {
  return parameter(
    (inputs) => { inputs.body = schema; },
    (request) => validate(schema, request.body),
  );
}

/** The query string as the schema reads it; every value arrives as a string (`z.coerce`). */
export function ValidQuery(schema: z.ZodObject): ParameterDecorator {
  return parameter(
    (inputs) => { inputs.query = schema; },
    (request) => validate(schema, request.query),
  );
}

/** An id in the path, checked against the id pattern. */
export function PathId(name: string): ParameterDecorator {
  return PathText(name, pathId);
}

/** A text in the path, percent-decoded, as the schema reads it. */
export function PathText(name: string, schema: z.ZodType<unknown, string>): ParameterDecorator {
  return parameter(
    (inputs) => { inputs.path[name] = schema; },
    (request) => {
      const result = schema.safeParse((request.params as Record<string, string>)[name]);
      if (result.success) return result.data;
      const message = result.error.issues[0]?.message ?? 'Not valid';
      throw validationFailed({ path: name, message });
    },
  );
}

/** `X-Device-Id`: what the client calls its device; undefined when it says nothing. */
export function DeviceId(): ParameterDecorator {
  return parameter((inputs) => { inputs.headers.push('X-Device-Id'); }, (request) => {
    const deviceId = deviceIdOf(request);
    if (deviceId !== undefined || request.headers['x-device-id'] === undefined) return deviceId;
    throw validationFailed({ path: 'X-Device-Id', message: '1 to 128 visible characters' });
  });
}

/** A token that a layer of the funnel may ask for; whether it holds is for that layer to say. */
export function ProofHeader(name: 'X-Sale-Token' | 'X-Captcha-Token'): ParameterDecorator {
  const key = name.toLowerCase();
  return parameter(
    (inputs) => { inputs.headers.push(name); },
    (request) => {
      const value = request.headers[key];
      return typeof value === 'string' ? value : undefined;
    },
  );
}

/** The `Idempotency-Key` header: 1–255 visible characters; throws IDEMPOTENCY_KEY_MISSING. */
export function IdempotencyKey(): ParameterDecorator {
  return parameter(
    (inputs) => { inputs.headers.push('Idempotency-Key'); },
    (request) => {
      const key = request.headers['idempotency-key'];
      if (key === undefined || key === '') {
        throw new ProblemError(
          'IDEMPOTENCY_KEY_MISSING',
          'Send an Idempotency-Key header: a new value per purchase, the same one per retry.',
        );
      }
      if (typeof key === 'string' && idempotencyKeyPattern.test(key)) return key;
      throw validationFailed({ path: 'Idempotency-Key', message: '1 to 255 visible characters' });
    },
  );
}

/** Seconds of `Prefer: wait=n`, at most `waitSecondsAtMost`; 0 when not asked (RFC 7240). */
export function PreferredWaitSeconds(): ParameterDecorator {
  return parameter(
    (inputs) => { inputs.headers.push('Prefer'); },
    (request) => {
      const preference = request.headers['prefer'];
      if (typeof preference !== 'string') return 0;
      return Math.min(Number(waitPattern.exec(preference)?.[1] ?? 0), waitSecondsAtMost);
    },
  );
}

/**
 * A parameter that is documented and read in one place. It is read synchronously: a pipe would make
 * a promise per parameter on every request.
 */
function parameter(
  record: (inputs: RouteInputs) => void,
  read: (request: FastifyRequest) => unknown,
): ParameterDecorator {
  const decorate = createParamDecorator((_data: unknown, context: ExecutionContext) =>
    read(context.switchToHttp().getRequest<FastifyRequest>()));
  return (prototype, method, index) => {
    if (method === undefined) throw new Error('A request parameter belongs to a route handler');
    record(inputsOf(prototype, method));
    decorate()(prototype, method, index);
  };
}
