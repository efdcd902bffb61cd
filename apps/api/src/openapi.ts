import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { cleanupOpenApiDoc } from 'nestjs-zod';
import type { ApiConfig } from './config.js';
import { completeDocument } from './http/openapi/complete-document.js';
import { inlineRoots, nameSchemas } from './http/openapi/tidy-schemas.js';
import { SWAGGER_CSS } from './http/openapi/swagger-css.js';

const DESCRIPTION = `A self-hosted WhatsApp gateway: link a number by QR code, send and receive messages, media and more.

**Authentication**: \`Authorization: Bearer wg_…\` or \`X-API-Key: wg_…\`. **Errors** are problem details (RFC 9457) with a \`code\` of a closed set and the \`requestId\`. **Limits**: every answer carries \`RateLimit-Limit\`, \`-Remaining\`, \`-Reset\` and \`-Policy\`; a 429 also \`Retry-After\`. **Lists** are newest first (\`GET /events\`: oldest first; chats: with the newest message first); send \`nextCursor\` as \`cursor\` for more. **\`wait\`**, where it is a number, is in seconds, at most 30. **Idempotency**: an operation marked \`by_key\` answers the same for seven days under one \`Idempotency-Key\`.

wagate is not affiliated with WhatsApp or Meta.`;

/** In the order in which a newcomer needs them. */
const TAGS = [
  ['Sessions', 'WhatsApp Web logins: create, link by QR code, watch'],
  ['Messages', 'Send, list, follow'],
  ['Media', 'Files that were received or are to be sent'],
  ['Chats and contacts', 'Conversations of a session, and the people it knows'],
  ['Opt-outs', 'People who do not want to be written to'],
  ['Events', 'What happened, numbered without a gap'],
  ['Webhooks', 'Events posted to addresses of yours'],
  ['Account', 'Limits and usage of the tenant'],
  ['API keys', 'Create, rotate, revoke'],
  ['Tenants', 'For the operator of this installation'],
  ['Operations', 'For monitoring'],
] as const;

/** Missing in the page that @nestjs/swagger serves; without it a phone shows the page as a wide screen would. */
const VIEWPORT = '<meta name="viewport" content="width=device-width, initial-scale=1">';

/** The OpenAPI document of everything the app routes. */
export function buildOpenApi(app: NestFastifyApplication, publicUrl?: string): OpenAPIObject {
  const settings = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('wagate')
    .setDescription(DESCRIPTION)
    .setVersion('1')
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addSecurity('bearer', { type: 'http', scheme: 'bearer', description: 'An API key' })
    .addSecurity('apiKey', { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'An API key' })
    .addServer(publicUrl ?? '/');
  for (const [name, description] of TAGS) settings.addTag(name, description);
  const raw = inlineRoots(SwaggerModule.createDocument(app, settings.build(), { operationIdFactory }));
  return completeDocument(nameSchemas(cleanupOpenApiDoc(raw)));
}

/** `ApiKeyController.list` → `ApiKey_list`. */
function operationIdFactory(controller: string, method: string): string {
  return `${controller.replace(/Controller$/, '')}_${method}`;
}

/** Serves the document at `/openapi.json` and Swagger UI at `/docs`. */
export function serveOpenApi(
  app: NestFastifyApplication,
  config: Pick<ApiConfig, 'PUBLIC_URL' | 'SIMULATOR_URL'>,
): void {
  const fastify = app.getHttpAdapter().getInstance();
  fastify.addHook('onSend', (request, _reply, payload, done) => {
    const isPage = request.routeOptions.url?.startsWith('/docs') && typeof payload === 'string';
    done(null, isPage ? payload.replace('<meta charset="UTF-8">', `$&${VIEWPORT}`) : payload);
  });
  SwaggerModule.setup('docs', app, () => buildOpenApi(app, config.PUBLIC_URL), {
    jsonDocumentUrl: 'openapi.json',
    raw: ['json'],
    customSiteTitle: 'wagate API',
    customCss: SWAGGER_CSS,
    swaggerOptions: {
      // In the browser's storage, where a live key has no place.
      persistAuthorization: config.SIMULATOR_URL !== undefined,
      displayRequestDuration: true,
      docExpansion: 'list',
      filter: true,
    },
  });
}
