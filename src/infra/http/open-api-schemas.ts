import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';

export type JsonSchema = Record<string, unknown>;

/** Collects the named schemas (`.meta({ id })`) of a document while it is built. */
export class OpenApiSchemas {
  /** `components.schemas` of the document, by id. */
  readonly components: Record<string, JsonSchema> = {};

  /**
   * The schema as JSON Schema 2020-12, the dialect of OpenAPI 3.1; a reference where it has an id.
   * Throws when one id stands for two shapes.
   */
  convert(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
    const { $defs = {}, ...converted } = z.toJSONSchema(schema, {
      io, target: 'draft-2020-12', unrepresentable: 'any', override: adjust,
    });
    for (const [id, definition] of Object.entries($defs)) {
      this.add(id, pointToComponents(definition));
    }
    delete converted.$schema;
    return pointToComponents(converted);
  }

  private add(id: string, shape: JsonSchema): void {
    const known = this.components[id];
    if (known && !isDeepStrictEqual(known, shape)) {
      throw new Error(`Two schemas are called ${id}: give one of them another id`);
    }
    this.components[id] = shape;
  }
}

/**
 * An answer may get further members later; only a strict object promises that it will not. And an
 * example is what a caller sends or gets: zod drops it where a schema transforms what was sent.
 */
function adjust({ zodSchema, jsonSchema }: {
  zodSchema: z.core.$ZodTypes;
  jsonSchema: z.core.JSONSchema.BaseSchema;
}): void {
  const { def } = zodSchema._zod;
  if (def.type === 'object' && def.catchall === undefined) delete jsonSchema.additionalProperties;
  const examples = z.globalRegistry.get(zodSchema)?.examples;
  if (Array.isArray(examples)) jsonSchema.examples = examples;
}

function pointToComponents(schema: object): JsonSchema {
  const text = JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/');
  return JSON.parse(text) as JsonSchema;
}
