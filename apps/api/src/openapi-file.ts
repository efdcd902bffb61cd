import { randomBytes } from 'node:crypto';
import { createLogger } from '#runtime';
import { apiConfigSchema } from './config.js';
import { createApp } from './create-app.js';
import { buildOpenApi } from './openapi.js';

/** `openapi.json` as it is committed. Needs nothing that runs: the app is only looked at, not started. */
export async function renderOpenApi(): Promise<string> {
  const nowhere = 'postgres://wagate_app:x@127.0.0.1:9/none';
  const config = apiConfigSchema.parse({
    DATABASE_URL: nowhere,
    DATABASE_OWNER_URL: nowhere,
    S3_ENDPOINT: 'http://127.0.0.1:9',
    S3_BUCKET: 'none',
    S3_ACCESS_KEY: 'none',
    S3_SECRET_KEY: 'none',
    INTERNAL_SECRET: randomBytes(32).toString('hex'),
    KEY_PEPPER: randomBytes(32).toString('hex'),
    ENCRYPTION_KEY: randomBytes(32).toString('hex'),
  });
  const app = await createApp(config, createLogger('openapi', 'silent'), { preview: true });
  return `${JSON.stringify(buildOpenApi(app), null, 2)}\n`;
}
