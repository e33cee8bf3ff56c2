import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { buildOpenApi } from './open-api';
import type { JsonSchema } from './open-api-schemas';
import { routesOf } from './routes';

/** The OpenAPI document of the running application; built at the start, so that a gap stops it. */
@Injectable()
export class OpenApiDocument implements OnApplicationBootstrap {
  json: JsonSchema = {};

  constructor(private readonly discovery: DiscoveryService) {}

  onApplicationBootstrap(): void {
    this.json = buildOpenApi(routesOf(this.discovery));
  }
}
