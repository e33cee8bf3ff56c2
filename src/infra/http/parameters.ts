import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { idPattern, ProblemError } from '../../kernel';
import { inputsOf, type ReadParameter, type RouteInputs } from './describe';
import { clientIpOf, deviceIdOf, traceIdOf } from './request';
import { validate, validationFailed } from './validate';

/** Longest wait that `Prefer: wait=n` may ask for, in seconds: a process that stops answers it, too. */
export const waitSecondsAtMost = 20;

const idempotencyKeyPattern = /^[\x21-\x7e]{1,255}$/;
const pathId = z.string().regex(idPattern, `An id matches ${idPattern.source}`);
const waitPattern = /(?:^|[,;\s])wait=(\d{1,9})(?:$|[,;\s])/;

/** The JSON body as the schema reads it. A missing body is a fault like a wrong one. */
export function ValidBody(schema: z.ZodType): ParameterDecorator {
  return parameter(
    (request) => validate(schema, request.body),
    (inputs) => { inputs.body = schema; },
  );
}

/** The query string as the schema reads it; every value arrives as a string (`z.coerce`). */
export function ValidQuery(schema: z.ZodObject): ParameterDecorator {
  return parameter(
    (request) => validate(schema, request.query),
    (inputs) => { inputs.query = schema; },
  );
}

/** An id in the path, checked against the id pattern. */
export function PathId(name: string): ParameterDecorator {
  return PathText(name, pathId);
}

/** A text in the path, percent-decoded, as the schema reads it. */
export function PathText(name: string, schema: z.ZodType<unknown, string>): ParameterDecorator {
  return parameter(
    (request) => {
      const result = schema.safeParse((request.params as Record<string, string>)[name]);
      if (result.success) return result.data;
      const message = result.error.issues[0]?.message ?? 'Not valid';
      throw validationFailed({ path: name, message });
    },
    (inputs) => { inputs.path[name] = schema; },
  );
}

/** `X-Device-Id`: what the client calls its device; undefined when it says nothing. */
export function DeviceId(): ParameterDecorator {
  return parameter((request) => {
    const deviceId = deviceIdOf(request);
    if (deviceId !== undefined || request.headers['x-device-id'] === undefined) return deviceId;
    throw validationFailed({ path: 'X-Device-Id', message: '1 to 128 visible characters' });
  }, (inputs) => { inputs.headers.push('X-Device-Id'); });
}

/** A token that a layer of the funnel may ask for; whether it holds is for that layer to say. */
export function ProofHeader(name: 'X-Sale-Token' | 'X-Captcha-Token'): ParameterDecorator {
  const key = name.toLowerCase();
  return parameter(
    (request) => {
      const value = request.headers[key];
      return typeof value === 'string' ? value : undefined;
    },
    (inputs) => { inputs.headers.push(name); },
  );
}

/** The `Idempotency-Key` header: 1–255 visible characters; throws IDEMPOTENCY_KEY_MISSING. */
export function IdempotencyKey(): ParameterDecorator {
  return parameter(
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
    (inputs) => { inputs.headers.push('Idempotency-Key'); },
  );
}

/** Seconds of `Prefer: wait=n`, at most `waitSecondsAtMost`; 0 when not asked (RFC 7240). */
export function PreferredWaitSeconds(): ParameterDecorator {
  return parameter(
    (request) => {
      const preference = request.headers['prefer'];
      if (typeof preference !== 'string') return 0;
      return Math.min(Number(waitPattern.exec(preference)?.[1] ?? 0), waitSecondsAtMost);
    },
    (inputs) => { inputs.headers.push('Prefer'); },
  );
}

/** The caller's address, as `clientIpOf` says it. */
export const ClientIp = (): ParameterDecorator => parameter(clientIpOf);

/** The 32 hex characters that follow the request. */
export const TraceId = (): ParameterDecorator => parameter(traceIdOf);

/**
 * The answer, for a handler that sets its status and headers; what it returns is still the body. Only
 * where `handleDirectly` calls it: Nest would wait for the answer, which is a promise, too.
 */
export const Reply = (): ParameterDecorator => parameter((_request, reply) => reply);

/**
 * A parameter that is read in one place, and documented there by `record`. It is read synchronously:
 * a pipe would make a promise per parameter on every request.
 */
export function parameter(
  read: ReadParameter,
  record?: (inputs: RouteInputs) => void,
): ParameterDecorator {
  const decorate = createParamDecorator((_data: unknown, context: ExecutionContext) => {
    const http = context.switchToHttp();
    return read(http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  });
  return (prototype, method, index) => {
    if (method === undefined) throw new Error('A request parameter belongs to a route handler');
    const inputs = inputsOf(prototype, method);
    inputs.readers[index] = read;
    record?.(inputs);
    decorate()(prototype, method, index);
  };
}
