import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { DocsController } from './docs.controller';
import { OpenApiDocument } from './open-api-document';

/** `/openapi.json` and `/docs`, made from the decorators of every route of the application. */
@Module({
  imports: [DiscoveryModule],
  controllers: [DocsController],
  providers: [OpenApiDocument],
  exports: [OpenApiDocument],
})
export class DocsModule {}
