import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { cleanupOpenApiDoc } from 'nestjs-zod';
import type { ApiConfig } from './config.js';

/** Builds the OpenAPI document of everything the app routes. */
export function buildOpenApi(app: NestFastifyApplication): OpenAPIObject {
  const settings = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('wagate')
    .setVersion('1')
    .addSecurity('bearer', { type: 'http', scheme: 'bearer' })
    .addSecurity('apiKey', { type: 'apiKey', in: 'header', name: 'X-API-Key' })
    .build();
  return cleanupOpenApiDoc(SwaggerModule.createDocument(app, settings));
}

export function serveOpenApi(app: NestFastifyApplication, _config: ApiConfig): void {
  SwaggerModule.setup('docs', app, () => buildOpenApi(app), { jsonDocumentUrl: 'openapi.json' });
}
