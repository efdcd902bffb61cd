import { join } from 'node:path';
import { ChildPart } from './child-part.js';
import { freePort } from './free-port.js';
import type { Stack } from './stack.js';

export interface SecondApi {
  api: ChildPart;
  baseUrl: string;
}

/** Another api process beside the stack's, on the same database and with the same settings. Stop it before the stack. */
export async function startSecondApi(stack: Stack, programs = 'dist'): Promise<SecondApi> {
  const port = await freePort();
  const baseUrl = `http://127.0.0.1:${String(port)}`;
  const api = new ChildPart({
    name: 'api-2',
    program: join(programs, 'apps/api/src/main.js'),
    env: { ...stack.apiEnv, PORT: String(port) },
    healthUrl: `${baseUrl}/health/live`,
    logFile: join(stack.folder, 'api-2.log'),
  });
  await api.start();
  return { api, baseUrl };
}
