import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import { startApi, type TestApi } from '../../../test/support/start-api.js';
import { TcpRelay } from '../../../test/support/tcp-relay.js';

let api: TestApi;

beforeAll(async () => {
  api = await startApi();
});

afterAll(() => api?.close());

async function get(path: string): Promise<{ status: number; type: string; text: string }> {
  const answer = await fetch(api.baseUrl + path, { signal: AbortSignal.timeout(30_000) });
  return { status: answer.status, type: answer.headers.get('content-type') ?? '', text: await answer.text() };
}

describe('health', () => {
  it('says that the process lives, without a key', async () => {
    const { status, text } = await get('/health/live');
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({ status: 'live' });
  });

  it('names every part with its state and how long it took, and stays in service without the lesser ones', async () => {
    const { status, text } = await get('/health/ready');
    expect(status).toBe(200);
    const { checks, ...rest } = JSON.parse(text) as { checks: Record<string, { state: string; ms: number }> };
    expect(rest).toEqual({ status: 'degraded' });
    expect(Object.entries(checks).map(([name, { state }]) => [name, state])).toEqual([
      ['database', 'up'],
      ['object_store', 'down'],
      ['nodes', 'down'],
    ]);
    for (const { ms } of Object.values(checks)) expect(ms).toBeTypeOf('number');
    expect(text).not.toMatch(/127\.0\.0\.1|ECONN|postgres:/);
  });
});

describe('metrics', () => {
  it('count requests by route and status, without ids', async () => {
    const tenant = await api.createTenant();
    await tenant.client.get('/limits');
    await tenant.client.request('DELETE', '/api-keys/key_00000000000000000000000000');
    const { status, type, text } = await get('/metrics');
    expect(status).toBe(200);
    expect(type).toContain('text/plain');
    const counted = (route: string, code: number) =>
      new RegExp(
        `wagate_http_request_duration_seconds_count\\{[^}]*route="${route}",status="${code}"[^}]*\\} 1`,
      );
    expect(text).toMatch(counted('/api/v1/limits', 200));
    expect(text).toMatch(counted('/api/v1/api-keys/:id', 404));
    expect(text).toMatch(/wagate_database_connections\{state="idle"\} \d/);
    expect(text).toMatch(/process_resident_memory_bytes \d/);
    expect(text).not.toContain(tenant.tenantId);
  });
});

describe('the documentation', () => {
  it('is served as a page and as a document, readable in a browser', async () => {
    const page = await get('/docs');
    expect(page.status).toBe(200);
    expect(page.text).toContain('wagate API');
    expect(page.text).toContain('@media (max-width: 640px)');
    expect(page.text).toContain('<meta name="viewport" content="width=device-width');
    const document = await get('/openapi.json');
    expect(document.status).toBe(200);
    expect(JSON.parse(document.text)).toMatchObject({ openapi: '3.1.0', info: { title: 'wagate' } });
  });
});

describe('a database that goes away', () => {
  it('is told as not ready and as 503, and is used again when it is back', async () => {
    const relay = await TcpRelay.start(Number(new URL(api.config.DATABASE_OWNER_URL).port));
    const cutOff = await startApi({}, { databasePort: relay.port });
    try {
      const tenant = await cutOff.createTenant();
      relay.cut();
      const answer = await tenant.client.get('/api-keys');
      expect(answer.body).toMatchObject({ status: 503, code: 'service_unavailable' });
      expect(answer.headers.get('retry-after')).not.toBeNull();
      const ready = async () => (await fetch(`${cutOff.baseUrl}/health/ready`)).status;
      await waitFor(async () => (await ready()) === 503, { what: 'not ready' });
      relay.mend();
      await waitFor(async () => (await ready()) === 200, { what: 'ready again' });
      await waitFor(async () => (await tenant.client.get('/api-keys')).status === 200, {
        what: 'answers again',
      });
    } finally {
      relay.mend();
      await cutOff.close();
      await relay.stop();
    }
  });
});
