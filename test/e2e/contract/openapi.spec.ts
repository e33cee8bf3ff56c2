import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { createApplication } from '../../../src/create-application';
import { problems } from '../../../src/kernel';
import { admin, TestClient, type Answer, type CallOptions, type Method }
  from '../../support/client';
import { createInstallation, type Installation } from '../../support/product';
import { testConfig } from '../../support/stack';
import { until } from '../../support/until';

type Schema = Record<string, unknown>;
interface Content { schema: Schema; examples?: Record<string, { $ref?: string; value?: unknown }> }
interface Response { description: string; content?: Record<string, Content>;
  headers?: Record<string, { schema: Schema }> }
interface Parameter { name: string; in: string; required?: boolean; schema: Schema }
interface Operation {
  operationId: string; summary: string; description: string; tags: string[];
  security: Record<string, string[]>[]; parameters: Parameter[];
  requestBody?: { required: boolean; content: Record<string, Content> };
  responses: Record<string, Response>;
}
interface Document {
  openapi: string; info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema & { examples?: unknown[] }>;
    securitySchemes: Record<string, unknown>; examples: Record<string, { value: unknown }> };
}

describe('/openapi.json', () => {
  let installation: Installation;
  let application: NestFastifyApplication;
  let client: TestClient;
  let document: Document;
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  const validators = new Map<string, ValidateFunction>();
  const routes: string[] = [];

  beforeAll(async () => {
    installation = await createInstallation();
    const config = testConfig({ ...installation.environment, DEMO: 'true' });
    application = await createApplication(config);
    const server: FastifyInstance = application.getHttpAdapter().getInstance();
    server.addHook('onRoute', ({ method, url }) => {
      const path = url.replace(/:(\w+)/g, '{$1}');
      routes.push(...[method].flat().map((name) => `${name} ${path}`));
    });
    await application.listen(0, '127.0.0.1');
    client = new TestClient(await application.getUrl(), config);
    document = (await client.call<Document>('GET', '/openapi.json')).body;
    ajv.addSchema({ components: document.components }, 'document');
  });

  afterAll(async () => {
    client.close();
    await application.close();
    await installation.drop();
  });

  const operations = () => Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) =>
      ({ name: `${method.toUpperCase()} ${path}`, path, operation })));

  /** Checks a value against a schema whose references point into the document. */
  function validator(schema: Schema): ValidateFunction {
    const text = JSON.stringify(schema).replaceAll('"#/components/', '"document#/components/');
    const known = validators.get(text) ?? ajv.compile(JSON.parse(text) as Schema);
    validators.set(text, known);
    return known;
  }

  function faultsOf(schema: Schema, value: unknown): unknown[] {
    const isValid = validator(schema);
    return isValid(value) ? [] : isValid.errors ?? [];
  }

  it('is an OpenAPI 3.1 document with a title and a version', () => {
    expect(document).toMatchObject({ openapi: expect.stringMatching(/^3\.1\.\d+$/),
      info: { title: 'fairdrop', version: expect.any(String) } });
  });

  it('describes every route that the server has, and no other', () => {
    const described = operations().map(({ name }) => name).sort();
    const served = [...new Set(routes)].filter((route) => !/^(HEAD|OPTIONS) /.test(route)).sort();
    expect(described).toEqual(served);
    expect(described.length).toBeGreaterThan(35);
  });

  it('gives every operation a name of its own, a summary, a tag and who may call it', () => {
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { name, operation: { summary, description, tags, security } } of operations()) {
      expect({ name, summary, description, tags }).toEqual({ name,
        summary: expect.stringMatching(/\S/), description: expect.stringMatching(/\*\*.+\*\*/),
        tags: [expect.stringMatching(/^[a-z]+$/)] });
      for (const scheme of security.flatMap(Object.keys)) {
        expect(document.components.securitySchemes).toHaveProperty(scheme);
      }
    }
  });

  it('declares exactly the parameters that a path has, all of them required', () => {
    for (const { name, path, operation } of operations()) {
      const inPath = operation.parameters.filter((parameter) => parameter.in === 'path');
      const declared = inPath.map((parameter) => parameter.name).sort();
      expect([name, declared]).toEqual(
        [name, [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter).sort()]);
      for (const { required } of inPath) expect(required).toBe(true);
      for (const { schema } of operation.parameters) validator(schema);
    }
  });

  it('describes every answer: a success, a fault, the body of each status, each problem', () => {
    const isProblemSchema = { $ref: '#/components/schemas/Problem' };
    for (const { name, operation: { responses } } of operations()) {
      expect([name, Object.keys(responses).some((status) => /^[23]/.test(status))])
        .toEqual([name, true]);
      expect([name, Object.keys(responses)]).toEqual([name, expect.arrayContaining(['500'])]);
      for (const [status, { description, content = {} }] of Object.entries(responses)) {
        expect([name, status, description]).toEqual([name, status, expect.stringMatching(/./)]);
        for (const { schema } of Object.values(content)) validator(schema);
        const problem = content['application/problem+json'];
        if (problem) expect(problem.schema).toEqual(isProblemSchema);
        for (const code of Object.keys(problem?.examples ?? {})) {
          expect(problems[code as keyof typeof problems].status).toBe(Number(status));
        }
      }
    }
  });

  it('has every problem code of the catalogue at some operation', () => {
    const responses = operations().flatMap(({ operation }) => Object.values(operation.responses));
    const used = new Set(responses.flatMap(({ content }) =>
      Object.keys(content?.['application/problem+json']?.examples ?? {})));
    // Said once for all paths, in the description of the document, and at no operation.
    const codes = Object.keys(problems).filter((code) => code !== 'METHOD_NOT_ALLOWED');
    expect([...used].sort()).toEqual(codes.sort());
  });

  it('points to nothing that is not there', () => {
    const text = JSON.stringify(document);
    for (const [, section = '', id = ''] of text.matchAll(/"#\/components\/(\w+)\/([\w-]+)"/g)) {
      expect(document.components).toHaveProperty([section, id]);
    }
    expect(text).not.toContain('$defs');
  });

  it('has examples that fit their schemas', () => {
    const { schemas, examples } = document.components;
    let count = 0;
    for (const [id, schema] of Object.entries(schemas)) {
      for (const example of schema.examples ?? []) {
        expect([id, faultsOf(schema, example)]).toEqual([id, []]);
        count += 1;
      }
    }
    for (const [code, { value }] of Object.entries(examples)) {
      expect([code, faultsOf(schemas['Problem'] ?? {}, value)]).toEqual([code, []]);
    }
    expect(count).toBeGreaterThan(15);
  });

  it('gives an example of every request body', () => {
    for (const { name, operation: { requestBody } } of operations()) {
      for (const { schema } of Object.values(requestBody?.content ?? {})) {
        const [, id = ''] = /^#\/components\/schemas\/(\w+)$/.exec(String(schema['$ref'])) ?? [];
        expect([name, document.components.schemas[id]?.examples?.length]).toEqual(
          [name, expect.any(Number)]);
      }
    }
  });

  it('gives an example of every JSON answer, of a list one of its items', () => {
    for (const { name, operation: { responses } } of operations()) {
      for (const [status, { content }] of Object.entries(responses)) {
        const schema = content?.['application/json']?.schema;
        if (schema) expect([name, status, hasExample(schema)]).toEqual([name, status, true]);
      }
    }
  });

  /** Its own, or, for a list, one of its items. */
  function hasExample(reference: Schema): boolean {
    const [, id = ''] = /^#\/components\/schemas\/(\w+)$/.exec(String(reference['$ref'])) ?? [];
    const schema: Schema = document.components.schemas[id] ?? reference;
    const { items: list = schema } = (schema['properties'] ?? {}) as { items?: Schema };
    const items = list['items'] as Schema | undefined;
    return 'examples' in schema || (items !== undefined && hasExample(items));
  }

  it('describes what the server really answers', async () => {
    const ask = async (method: Method, template: string, id: string, options: CallOptions = {}) => {
      const answer = await client.call<Schema>(method, template.replace(/\{\w+\}/, id), options);
      expectDescribed(method, template, answer);
      return answer;
    };
    const saleId = await client.openSale();
    const order = await client.order(saleId, 'ann');
    const body = { quantity: 1 };
    const key = { 'idempotency-key': 'k' };
    await ask('POST', '/v1/sales/{saleId}/orders', saleId, { as: 'bob', body, headers: key });
    await ask('POST', '/v1/sales/{saleId}/orders', saleId, { as: 'bob', body });
    await ask('POST', '/v1/sales/{saleId}/orders', saleId, { as: 'bob', body: {}, headers: key });
    await ask('GET', '/v1/sales/{saleId}', saleId);
    await ask('GET', '/v1/sales', '');
    await ask('GET', '/v1/time', '');
    await ask('POST', '/v1/orders/{orderId}/payment', order.id, { as: 'ann' });
    await ask('GET', '/v1/orders/{orderId}/payment', order.id, { as: 'ann' });
    await client.pay(order.id, 'ann');
    await ask('GET', '/v1/orders/{orderId}', order.id, { as: 'ann' });
    await ask('POST', '/v1/orders/{orderId}/cancel', order.id, { as: 'ann' });
    await ask('GET', '/v1/orders', '', { as: 'ann' });
    for (const path of ['stock', 'report']) {
      await ask('GET', `/admin/v1/sales/{saleId}/${path}`, saleId, { as: admin });
    }
    await ask('GET', '/admin/v1/sales/{saleId}', saleId, { as: admin });
    await ask('POST', '/admin/v1/sales/{saleId}/pause', saleId, { as: admin });
    await ask('POST', '/admin/v1/sales/{saleId}/preload', saleId, { as: admin });
    for (const list of ['products', 'sales', 'audit', 'reconciliations']) {
      await ask('GET', `/admin/v1/${list}`, '', { as: admin });
    }
    await ask('POST', '/admin/v1/reconciliations', '', { as: admin, body: { saleId } });
    for (const path of ['/health/live', '/health/ready']) await ask('GET', path, '');
    await until('nothing is under way', async () => (await client.stock(saleId)).inFlight === 0);
  });

  /** The status is described, and the body fits the schema that goes with it. */
  function expectDescribed(method: Method, template: string, answer: Answer<Schema>): void {
    const name = `${method} ${template} ${answer.status}`;
    const response = document.paths[template]?.[method.toLowerCase()]?.responses[answer.status];
    const [mediaType = ''] = (answer.headers['content-type'] ?? '').split(';');
    const schema = response?.content?.[mediaType]?.schema;
    expect([name, schema === undefined]).toEqual([name, false]);
    expect([name, faultsOf(schema ?? {}, answer.body)]).toEqual([name, []]);
    for (const header of Object.keys(response?.headers ?? {})) {
      expect([name, Object.keys(answer.headers)]).toEqual(
        [name, expect.arrayContaining([header.toLowerCase()])]);
    }
  }
});
