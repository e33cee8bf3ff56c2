import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { z } from 'zod';
import { problems } from '../../kernel';
import { Public, Roles } from './access';
import { Describe } from './describe';
import { buildOpenApi } from './open-api';
import { OpenApiSchemas, type JsonSchema } from './open-api-schemas';
import { IdempotencyKey, PathId, ValidBody, ValidQuery } from './parameters';
import { routesOf } from './routes';

const money = z.strictObject({ amount: z.int(), currency: z.string() }).meta({ id: 'Money' });
const body = z.strictObject({ price: money }).meta({ id: 'Offer' });
const offers = z.object({ items: z.array(z.object({ price: money })) }).meta({ id: 'Offers' });
const query = z.strictObject({
  cursor: z.string().optional(), limit: z.coerce.number<string>().int(),
});

@Roles('admin')
@Controller('offers')
class OfferController {
  @Post(':saleId/items')
  @HttpCode(202)
  @Describe({
    summary: 'Offer', tag: 'offers', problems: ['SOLD_OUT', 'LIMIT_EXCEEDED'],
    answers: { 202: { description: 'Taken.', schema: offers, headers: { Location: 'Where' } } },
  })
  offer(
    @PathId('saleId') id: string, @ValidBody(body) offer: unknown, @IdempotencyKey() key: string,
  ) {
    return { id, offer, key };
  }

  @Public()
  @Get()
  @Describe({
    summary: 'List', tag: 'offers', answers: { 200: { description: 'All.', schema: offers } },
  })
  list(@ValidQuery(query) page: unknown) {
    return page;
  }
}

@Controller()
class BareController {
  @Get('bare')
  bare() {
    return undefined;
  }
}

@Controller()
class UncheckedController {
  @Get('unchecked/:id')
  @Describe({ summary: 'Unchecked', tag: 'x', answers: {} })
  unchecked() {
    return undefined;
  }
}

interface Operation {
  security: object[];
  description: string;
  parameters: { name: string; in: string; required: boolean }[];
  requestBody: { content: Record<string, { schema: JsonSchema }> };
  responses: Record<string, { content?: Record<string, { examples?: object }> }>;
}

function documentOf(...controllers: (new () => object)[]) {
  const discovery = { getControllers: () => controllers.map((metatype) => ({ metatype })) };
  const routes = routesOf(discovery as unknown as Parameters<typeof routesOf>[0]);
  return buildOpenApi(routes) as {
    openapi: string;
    paths: Record<string, Record<string, Operation>>;
    components: { schemas: Record<string, JsonSchema>; examples: Record<string, unknown> };
  };
}

describe('the OpenAPI document', () => {
  const document = documentOf(OfferController);
  const offer = document.paths['/offers/{saleId}/items']?.['post'];
  const list = document.paths['/offers']?.['get'];

  it('takes path, parameters and body from the decorators that also check them', () => {
    expect(document.openapi).toBe('3.1.1');
    expect(offer?.parameters).toMatchObject([
      { name: 'saleId', in: 'path', required: true },
      { name: 'Idempotency-Key', in: 'header', required: true },
    ]);
    expect(offer?.requestBody.content['application/json']?.schema)
      .toEqual({ $ref: '#/components/schemas/Offer' });
    expect(list?.parameters).toMatchObject([
      { name: 'cursor', in: 'query', required: false },
      { name: 'limit', in: 'query', required: true },
    ]);
  });

  it('says who may call', () => {
    expect(offer?.security).toEqual([{ bearer: [] }]);
    expect(offer?.description).toContain('admin');
    expect(list?.security).toEqual([]);
    expect(list?.description).toContain('Anyone');
  });

  it('names every problem of a route, its own and those that come with inputs and guard', () => {
    const codes = Object.values(offer?.responses ?? {})
      .flatMap(({ content }) => Object.keys(content?.['application/problem+json']?.examples ?? {}));
    expect(codes.sort()).toEqual([
      'BODY_TOO_LARGE', 'FORBIDDEN', 'IDEMPOTENCY_KEY_MISSING', 'INTERNAL_ERROR', 'LIMIT_EXCEEDED',
      'SOLD_OUT', 'TEMPORARILY_UNAVAILABLE', 'UNAUTHENTICATED', 'UNSUPPORTED_MEDIA_TYPE',
      'VALIDATION_FAILED',
    ]);
    expect(Object.keys(document.components.examples)).toEqual(Object.keys(problems));
  });

  it('has no reference that leads nowhere', () => {
    const references = JSON.stringify(document).matchAll(/"\$ref":"#\/components\/(\w+)\/(\w+)"/g);
    for (const [, kind = '', name = ''] of references) {
      expect((document.components as Record<string, object>)[kind]).toHaveProperty(name);
    }
    expect(JSON.stringify(document)).not.toContain('$defs');
  });
});

describe('a gap in the description', () => {
  it('is a route without @Describe', () => {
    expect(() => documentOf(BareController)).toThrow('BareController.bare has no @Describe');
  });

  it('is a path parameter that nothing checks', () => {
    expect(() => documentOf(UncheckedController)).toThrow("no @PathId('id')");
  });

  it('is one schema id for two shapes', () => {
    const schemas = new OpenApiSchemas();
    schemas.convert(z.array(z.object({ units: z.int() }).meta({ id: 'Twice' })), 'input');
    expect(() => schemas.convert(z.object({ units: z.string() }).meta({ id: 'Twice' }), 'output'))
      .toThrow('Two schemas are called Twice');
  });

  it('is not one schema that is both asked for and answered with', () => {
    const schemas = new OpenApiSchemas();
    const shared = z.object({ units: z.int() }).meta({ id: 'Shared' });
    expect(schemas.convert(shared, 'input')).toEqual(schemas.convert(shared, 'output'));
    expect(schemas.components).toHaveProperty('Shared');
  });
});
