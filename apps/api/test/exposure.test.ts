import { describe, expect, it } from 'vitest';
import { startApi } from '../../../test/support/start-api.js';
import { apiConfigSchema } from '../src/config.js';

const SIMULATOR_URL = 'http://127.0.0.1:9';
const TELLS = /TRUSTED_PROXY_HOPS is 0/;

describe('what an api shows and to whom', () => {
  it('is for its own machine unless it is told otherwise', () => {
    expect(apiConfigSchema.shape.HOST.parse(undefined)).toBe('127.0.0.1');
  });

  it.each([
    ['keeps no key of its page in the browser', {}, false],
    ['keeps one where there are test sessions', { SIMULATOR_URL }, true],
  ])('%s', async (_, settings, isKept) => {
    const api = await startApi(settings);
    try {
      const page = await (await fetch(`${api.baseUrl}/docs/swagger-ui-init.js`)).text();
      expect(/"persistAuthorization": (\w+)/.exec(page)?.[1]).toBe(String(isKept));
    } finally {
      await api.close();
    }
  });

  it.each([
    ['once when a proxy is not trusted, without addresses', '0', 1],
    ['nothing when it is', '1', 0],
  ])('tells %s', async (_, hops, lines) => {
    const api = await startApi({ TRUSTED_PROXY_HOPS: hops });
    try {
      const ask = (headers: Record<string, string>) => fetch(`${api.baseUrl}/health/live`, { headers });
      await ask({});
      const told = () => api.logged.filter(({ msg }) => TELLS.test(String(msg)));
      expect(told()).toEqual([]);
      for (let i = 0; i < 3; i += 1) await ask({ 'X-Forwarded-For': '203.0.113.77, 198.51.100.9' });
      expect(told()).toHaveLength(lines);
      expect(JSON.stringify(told())).not.toMatch(/203\.0\.113|198\.51\.100/);
    } finally {
      await api.close();
    }
  });
});
