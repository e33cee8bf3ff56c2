import { problems, ProblemError, type ProblemCode } from '../../kernel';
import { accessOf, type Access } from './access';
import type { AnswerDescription, RequestHeader } from './describe';
import { OpenApiSchemas, type JsonSchema } from './open-api-schemas';
import { waitSecondsAtMost } from './parameters';
import { problemDocument } from './problem-filter';
import type { Route } from './routes';

type Content = Record<string, { schema: JsonSchema; examples?: Record<string, JsonSchema> }>;

interface Answer {
  description: string;
  content?: Content;
  headers?: Record<string, JsonSchema>;
}

const problemContentType = 'application/problem+json';
const sampleTraceId = '4bf92f3577b34da6a3ce929d0e0e4736';

/**
 * The OpenAPI 3.1 document of these routes. Throws for a route without `@Describe` and for a path
 * parameter that is not read with `@PathId`.
 */
export function buildOpenApi(routes: readonly Route[]): JsonSchema {
  const schemas = new OpenApiSchemas();
  const paths: Record<string, JsonSchema> = {};
  for (const route of [...routes].sort((one, other) => rankOf(one) - rankOf(other))) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    (paths[path] ??= {})[route.method] = describeOperation(route, schemas);
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'fairdrop', version: '1',
      description: 'Sells a limited stock exactly once. Every refusal is a problem document '
        + '(RFC 9457) with a stable `code`. A path that exists answers other methods with '
        + 'METHOD_NOT_ALLOWED and `Allow`; every answer carries `x-trace-id`.',
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      schemas: { ...schemas.components, Problem: problemSchema },
      examples: Object.fromEntries(Object.keys(problems).map((code) =>
        [code, { value: exampleOf(code as ProblemCode) }])),
    },
  };
}

/** What buyers call comes first, then what operators call, then the machines. */
function rankOf({ path }: Route): number {
  if (path.startsWith('/v1/')) return 0;
  return path.startsWith('/admin/') ? 1 : 2;
}

function describeOperation(route: Route, schemas: OpenApiSchemas): JsonSchema {
  const { description, inputs, name } = route;
  const access = accessOf(route.handler, route.controller);
  if (!description) throw new Error(`${name} has no @Describe: say what the route does`);
  const body = inputs.body ?? description.body;
  return {
    operationId: name.replace('Controller.', '.'),
    tags: [description.tag],
    summary: description.summary,
    description: [callersOf(access), description.description ?? ''].join('\n\n').trim(),
    security: securityOf(access),
    parameters: describeParameters(route, schemas),
    ...(body && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: schemas.convert(body, 'input') } },
      },
    }),
    responses: describeAnswers(route, access, schemas),
  };
}

/** `{}` is a way in without a token. */
function securityOf(access: Access): JsonSchema[] {
  if (access === 'public') return [];
  return access === 'operations' ? [{}, { bearer: [] }] : [{ bearer: [] }];
}

function callersOf(access: Access): string {
  if (access === 'public') return '**Anyone** may call.';
  if (access === 'signed-in') return '**Anyone who is signed in** may call.';
  if (access === 'operations') return '**Callers from OPERATIONS_NETWORKS; roles: admin, viewer.**';
  return `**Roles: ${access.join(', ')}.**`;
}

/** What each header that a parameter decorator reads looks like. */
const requestHeaders: Record<RequestHeader, JsonSchema> = {
  'Idempotency-Key': {
    required: true,
    description: 'A new value per intention, the same one per retry: a repeated request takes '
      + 'nothing twice and gets the same answer.',
    schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,255}$', examples: ['3f0c8a1e-press-1'] },
  },
  'Prefer': {
    required: false,
    description: `\`wait=n\`: wait up to n seconds, at most ${waitSecondsAtMost}, for the result.`,
    schema: { type: 'string', examples: ['wait=5'] },
  },
  'X-Device-Id': {
    required: false,
    description: 'What the client calls its device: the same value on every request.',
    schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,128}$' },
  },
  'X-Sale-Token': {
    required: false,
    description: 'The sale token, where the sale asks for one. It buys once.',
    schema: { type: 'string' },
  },
  'X-Captcha-Token': {
    required: false,
    description: 'What a solved captcha gave, after CAPTCHA_REQUIRED. It buys once.',
    schema: { type: 'string' },
  },
};

function describeParameters(route: Route, schemas: OpenApiSchemas): JsonSchema[] {
  const { inputs, path, description } = route;
  for (const [, parameter = ''] of path.matchAll(/:(\w+)/g)) {
    if (!(parameter in inputs.path)) {
      throw new Error(`${route.name}: no @PathId('${parameter}')`);
    }
  }
  const query = inputs.query && schemas.convert(inputs.query, 'input');
  const required = (query?.['required'] ?? []) as string[];
  return [
    ...Object.entries(inputs.path).map(([name, schema]) => ({
      name, in: 'path', required: true, schema: schemas.convert(schema, 'input'),
    })),
    ...Object.entries(query?.['properties'] ?? {}).map(([name, schema]) => ({
      name, in: 'query', required: required.includes(name), schema: schema as JsonSchema,
    })),
    ...inputs.headers.map((name) => ({ name, in: 'header', ...requestHeaders[name] })),
    ...Object.entries(description?.headers ?? {}).map(([name, text]) => ({
      name, in: 'header', description: text, schema: { type: 'string' },
    })),
  ];
}

/** What comes with every answer of a status. */
const headersOfStatus: Record<number, Record<string, string>> = {
  429: { 'Retry-After': 'Seconds', 'RateLimit': 'The window that is used up, and until when',
    'RateLimit-Policy': 'Every window: requests (q) in seconds (w)' },
  503: { 'Retry-After': 'Seconds' },
};

function describeAnswers(route: Route, access: Access, schemas: OpenApiSchemas) {
  const answers: Record<number, Answer> = {};
  for (const [status, answer] of Object.entries(route.description?.answers ?? {})) {
    answers[Number(status)] = describeAnswer(answer, schemas);
  }
  for (const code of problemsOf(route, access)) {
    const { status, title } = problems[code];
    const answer = (answers[status] ??= { description: title });
    const content = ((answer.content ??= {})[problemContentType] ??= {
      schema: { $ref: '#/components/schemas/Problem' },
    });
    (content.examples ??= {})[code] = { $ref: `#/components/examples/${code}` };
    const headers = headersOfStatus[status];
    if (headers) answer.headers = { ...answer.headers, ...headersOf(headers) };
  }
  return answers;
}

function describeAnswer(answer: AnswerDescription, schemas: OpenApiSchemas): Answer {
  const bodies = {
    ...(answer.schema && { 'application/json': answer.schema }), ...answer.otherContent,
  };
  const content = Object.fromEntries(Object.entries(bodies).map(([type, schema]) =>
    [type, { schema: schemas.convert(schema, 'output') }]));
  return {
    description: answer.description,
    ...(Object.keys(content).length > 0 && { content }),
    ...(answer.headers && { headers: headersOf(answer.headers) }),
  };
}

function headersOf(headers: Record<string, string>): Record<string, JsonSchema> {
  return Object.fromEntries(Object.entries(headers).map(([name, description]) =>
    [name, { description, schema: { type: 'string' } }]));
}

/** The codes of the handler itself and those that its inputs and its guard bring along. */
function problemsOf({ description, inputs }: Route, access: Access): Set<ProblemCode> {
  const hasBody = inputs.body !== undefined || description?.body !== undefined;
  const isChecked = hasBody || inputs.query !== undefined || Object.keys(inputs.path).length > 0;
  const takesKey = inputs.headers.includes('Idempotency-Key');
  return new Set<ProblemCode>([
    ...(isChecked || takesKey ? ['VALIDATION_FAILED'] as const : []),
    ...(takesKey ? ['IDEMPOTENCY_KEY_MISSING'] as const : []),
    ...problemsOfAccess(access),
    ...(hasBody ? ['BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] as const : []),
    ...(description?.problems ?? []),
    'INTERNAL_ERROR', 'TEMPORARILY_UNAVAILABLE',
  ]);
}

function problemsOfAccess(access: Access): ProblemCode[] {
  switch (access) {
    case 'public': return [];
    case 'signed-in': return ['UNAUTHENTICATED', 'RATE_LIMITED'];
    case 'operations': return ['NOT_FOUND'];
    default: return ['UNAUTHENTICATED', 'FORBIDDEN'];
  }
}

const problemSchema: JsonSchema = {
  type: 'object',
  description: 'RFC 9457. Further members depend on the code, such as `opensAt`.',
  properties: {
    type: { type: 'string', format: 'uri' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What happened in this case, for a human.' },
    code: { type: 'string', enum: Object.keys(problems) },
    traceId: { type: 'string', pattern: '^[0-9a-f]{32}$' },
    errors: {
      type: 'array',
      description: 'With VALIDATION_FAILED: what is wrong with which field.',
      items: {
        type: 'object',
        properties: { path: { type: 'string' }, message: { type: 'string' } },
        required: ['path', 'message'],
      },
    },
  },
  required: ['type', 'title', 'status', 'detail', 'code', 'traceId'],
};

function exampleOf(code: ProblemCode): JsonSchema {
  const members = code === 'VALIDATION_FAILED'
    ? { errors: [{ path: 'quantity', message: 'Too big: expected number to be <=1000' }] } : {};
  const problem = new ProblemError(code, `${problems[code].title}.`, { members });
  return problemDocument(problem, sampleTraceId);
}
