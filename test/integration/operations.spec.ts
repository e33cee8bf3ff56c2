import { Ajv2020, type AnySchemaObject } from 'ajv/dist/2020';
import { problems } from '../../src/kernel';
import { TestProduct } from '../support/product';
import { until } from '../support/until';

let product: TestProduct;

beforeAll(async () => { product = await TestProduct.start({ DEMO: 'true' }); });
afterAll(async () => { await product.stop(); });

async function textOf(path: string, of = product): Promise<string> {
  return (await fetch(of.url + path)).text();
}

/** The metrics once they have all of it: counts follow answers, and a scrape has but a second. */
function metricsWith(...texts: RegExp[]): Promise<string> {
  return until(`the metrics have ${texts.join(' and ')}`, async () => {
    const metrics = await textOf('/metrics');
    return texts.every((text) => text.test(metrics)) && metrics;
  });
}

describe('GET /health/ready', () => {
  it('shows what each server does to keep what it acknowledged', async () => {
    // A server that is busy for a second counts as down for as long.
    const response = await until('it is ready', async () => {
      const answer = await fetch(`${product.url}/health/ready`);
      return answer.status === 200 && answer;
    });
    expect(await response.json()).toMatchObject({
      status: 'ok',
      details: {
        process: { status: 'up' },
        redis: { status: 'up', appendonly: 'yes', maxmemoryPolicy: 'noeviction' },
        database: { status: 'up', innodbFlushLogAtTrxCommit: expect.any(Number) },
        queue: { status: 'up', waiting: expect.any(Number) },
      },
    });
  });
});

describe('GET /metrics', () => {
  it.each([
    ['inventory_decr_total', 'counter'], ['inventory_decr_duration_seconds', 'histogram'],
    ['inventory_version_conflict_total', 'counter'], ['stock_remaining', 'gauge'],
    ['stock_drift', 'gauge'], ['purchase_requests_total', 'counter'],
    ['order_status_total', 'counter'], ['queue_depth', 'gauge'],
    ['order_persist_lag_seconds', 'histogram'], ['http_request_duration_seconds', 'histogram'],
  ])('has %s, a %s', async (name, type) => {
    expect(await textOf('/metrics')).toContain(`# TYPE ${name} ${type}\n`);
  });

  it('measures queues at the scrape and the process all the time', async () => {
    await metricsWith(/^queue_depth\{queue="orders"\} \d+$/m,
      /^process_resident_memory_bytes \d+$/m);
  });

  it('counts requests by route pattern, never by what a stranger typed', async () => {
    await textOf('/v1/sales/no-such-sale');
    await textOf('/typed/by/a/stranger');
    const metrics = await metricsWith(
      /_count\{method="GET",route="\/v1\/sales\/:saleId",status="4xx"\} 1$/m,
      /_count\{method="GET",route="unknown",status="4xx"\} 1$/m);
    expect(metrics).not.toMatch(/no-such-sale|stranger/);
  });

  it('belongs to one application, also where two live in one process', async () => {
    const other = await TestProduct.start();
    expect(await textOf('/metrics', other)).not.toContain('route="/v1/sales/:saleId"');
    await other.stop();
  });
});

interface Content { schema: AnySchemaObject; examples?: Record<string, object> }
interface Operation {
  summary: string;
  parameters: { name: string; in: string }[];
  requestBody?: { content: Record<string, Content> };
  responses: Record<string, { description: string; content?: Record<string, Content> }>;
}
interface OpenApi {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, AnySchemaObject> };
}

describe('GET /openapi.json', () => {
  let document: OpenApi;
  let operations: [name: string, operation: Operation][];

  beforeAll(async () => {
    document = JSON.parse(await textOf('/openapi.json')) as OpenApi;
    operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]): [string, Operation] =>
        [`${method} ${path}`, operation]));
  });

  it('describes every operation: what it is for, what it answers, its path parameters', () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    for (const [name, { summary, responses, parameters }] of operations) {
      expect([name, summary]).toEqual([name, expect.stringMatching(/\S/)]);
      expect([name, Object.keys(responses)]).toEqual([name, expect.arrayContaining(['500'])]);
      const inPath = parameters.filter((parameter) => parameter.in === 'path');
      expect([name, inPath.length]).toEqual([name, name.split('{').length - 1]);
    }
  });

  it('shows every problem code at a route that can answer with it', () => {
    const shown = operations.flatMap(([, { responses }]) => Object.values(responses))
      .flatMap(({ content }) => Object.keys(content?.['application/problem+json']?.examples ?? {}));
    // A path answers it to the methods that it does not have, so no operation does.
    const codes = Object.keys(problems).filter((code) => code !== 'METHOD_NOT_ALLOWED');
    expect([...new Set(shown)].sort()).toEqual(codes.sort());
  });

  it('has only examples that are what their schemas say', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema(document, 'document');
    for (const [id, schema] of Object.entries(document.components.schemas)) {
      const check = ajv.getSchema(`document#/components/schemas/${id}`);
      for (const example of (schema['examples'] ?? []) as unknown[]) {
        expect([id, check?.(example), check?.errors]).toEqual([id, true, null]);
      }
    }
  });

  it('has an example for every JSON body that is sent or answered', () => {
    const withoutExample = operations.flatMap(([name, { requestBody, responses }]) =>
      [requestBody, ...Object.values(responses)].flatMap((body) => {
        const schema = body?.content?.['application/json']?.schema;
        return schema && !hasExample(schema) ? [name] : [];
      }));
    expect(withoutExample).toEqual([]);
  });

  /** Its own, or, for a list, one of its items. */
  function hasExample(reference: AnySchemaObject): boolean {
    const id = /^#\/components\/schemas\/(\w+)$/.exec(String(reference['$ref']))?.[1];
    const schema = (id && document.components.schemas[id]) || reference;
    const list = (schema['properties'] as { items?: AnySchemaObject } | undefined)?.items ?? schema;
    const items = list['items'] as AnySchemaObject | undefined;
    return 'examples' in schema || (items !== undefined && hasExample(items));
  }
});

describe('GET /docs', () => {
  it('is a page that loads only what this server has', async () => {
    const page = await textOf('/docs');
    const links = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link = '']) => link);
    expect(links).not.toEqual([]);
    for (const link of links) {
      expect(link).toMatch(/^\/docs\//);
      expect((await fetch(product.url + link)).status).toBe(200);
    }
  });
});
