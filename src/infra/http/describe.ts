import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { ProblemCode } from '../../kernel';

/** An answer that is not a problem. */
export interface AnswerDescription {
  /** What this answer means, one sentence. */
  description: string;
  /** The JSON body, if any. Give it an example: `.meta({ examples: […] })`. */
  schema?: z.ZodType;
  /** Bodies in other media types, such as `{'text/csv': z.string()}`. */
  otherContent?: Record<string, z.ZodType>;
  /** Response headers by name, with what they carry. */
  headers?: Record<string, string>;
}

/** What the document says about a route beyond what its parameters say themselves. */
export interface RouteDescription {
  /** One line: what the call does for the caller. */
  summary: string;
  /** Markdown, when one line is not enough. */
  description?: string;
  /** The heading under which the page lists the route, such as `orders`. */
  tag: string;
  /** Successful answers by status; statuses above 399 only for bodies that are no problems. */
  answers: Record<number, AnswerDescription>;
  /** The codes that this handler itself answers with; the README lists those that come free. */
  problems?: readonly ProblemCode[];
  /** The body of a route that reads the raw request itself; elsewhere `@ValidBody` says it. */
  body?: z.ZodType;
  /** Request headers that the handler reads itself, by name, with what they carry. */
  headers?: Record<string, string>;
}

/** What the parameter decorators of a route have recorded. */
export interface RouteInputs {
  body?: z.ZodType;
  query?: z.ZodObject;
  path: Record<string, z.ZodType>;
  headers: RequestHeader[];
  /** How each parameter is read, by its place. */
  readers: ReadParameter[];
}

/** Reads a parameter of a handler from the request, synchronously. */
export type ReadParameter = (request: FastifyRequest, reply: FastifyReply) => unknown;

/** A request header that a parameter decorator of `parameters.ts` reads. */
export type RequestHeader = 'Idempotency-Key' | 'Prefer' | 'X-Device-Id' | 'X-Sale-Token'
  | 'X-Captcha-Token';

const descriptionKey = Symbol('route description');
const inputsKey = Symbol('route inputs');

/** Describes a route for `/openapi.json`. A route without it fails the start. */
export function Describe(description: RouteDescription): MethodDecorator {
  return (target, property) => {
    Reflect.defineMetadata(descriptionKey, description, target, property);
  };
}

/** The description of the method of a controller's prototype, if it has one. */
export function descriptionOf(prototype: object, method: string): RouteDescription | undefined {
  return Reflect.getMetadata(descriptionKey, prototype, method) as RouteDescription | undefined;
}

/** What the parameters of the method take from the request; the same object on every call. */
export function inputsOf(prototype: object, method: string | symbol): RouteInputs {
  const known = Reflect.getOwnMetadata(inputsKey, prototype, method) as RouteInputs | undefined;
  if (known) return known;
  const inputs: RouteInputs = { path: {}, headers: [], readers: [] };
  Reflect.defineMetadata(inputsKey, inputs, prototype, method);
  return inputs;
}
