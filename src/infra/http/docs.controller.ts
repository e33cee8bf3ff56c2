import { createReadStream } from 'node:fs';
import { Controller, Get, Header, StreamableFile } from '@nestjs/common';
import { z } from 'zod';
import { Operations } from './access';
import { Describe, type RouteDescription } from './describe';
import type { JsonSchema } from './open-api-schemas';
import { OpenApiDocument } from './open-api-document';
import { sameOriginPagePolicy } from './security-headers';

const page = `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width">
  <title>fairdrop API</title>
  <link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
  <main id="page"></main>
  <script src="/docs/swagger-ui-bundle.js"></script>
  <script src="/docs/page.js"></script>
</body>
</html>
`;
/** Without `validatorUrl: null` the page would send the document to a public validator. */
const pageScript = `SwaggerUIBundle({
  url: '/openapi.json', domNode: document.querySelector('main'),
  deepLinking: true, validatorUrl: null,
});
`;

const openApiDocument = z.looseObject({ openapi: z.string() })
  .meta({ examples: [{ openapi: '3.1.1', info: { title: 'fairdrop', version: '1' }, paths: {} }] });

const cacheForADay = 'public, max-age=86400';

function part(summary: string, contentType: string): RouteDescription {
  return {
    summary,
    tag: 'documentation',
    answers: { 200: { description: 'As it is.', otherContent: { [contentType]: z.string() } } },
  };
}

/** The API's own description. The page loads nothing from anywhere else. */
@Operations()
@Controller()
export class DocsController {
  constructor(private readonly document: OpenApiDocument) {}

  @Get('openapi.json')
  @Describe({
    summary: 'This document',
    tag: 'documentation',
    answers: {
      200: { description: 'OpenAPI 3.1.', schema: openApiDocument },
    },
  })
  openApi(): JsonSchema {
    return this.document.json;
  }

  @Get('docs')
  @Header('content-security-policy', sameOriginPagePolicy)
  @Header('referrer-policy', 'no-referrer')
  @Header('content-type', 'text/html; charset=utf-8')
  @Describe(part('This document as a page', 'text/html'))
  docs(): string {
    return page;
  }

  @Get('docs/page.js')
  @Header('content-type', 'text/javascript; charset=utf-8')
  @Describe(part('The script that starts the page', 'text/javascript'))
  script(): string {
    return pageScript;
  }

  @Get('docs/swagger-ui-bundle.js')
  @Header('content-type', 'text/javascript; charset=utf-8')
  @Header('cache-control', cacheForADay)
  @Describe(part('The program of the page', 'text/javascript'))
  bundle(): StreamableFile {
    return asset('swagger-ui-bundle.js');
  }

  @Get('docs/swagger-ui.css')
  @Header('content-type', 'text/css; charset=utf-8')
  @Header('cache-control', cacheForADay)
  @Describe(part('The style of the page', 'text/css'))
  style(): StreamableFile {
    return asset('swagger-ui.css');
  }
}

function asset(file: string): StreamableFile {
  return new StreamableFile(createReadStream(require.resolve(`swagger-ui-dist/${file}`)));
}
