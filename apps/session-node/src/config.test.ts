import { expect, test } from 'vitest';
import { ConfigError, loadConfig } from '#runtime';
import { sessionNodeConfigSchema } from './config.js';

const REQUIRED = {
  API_URL: 'http://127.0.0.1:3000',
  INTERNAL_SECRET: 'z8f2kq1m7v3x9c5b0n4j6h8g2d1s7a3w',
  PROFILES_DIR: '/profiles',
  CHROME_PATH: '/usr/bin/chromium',
  S3_ENDPOINT: 'http://127.0.0.1:9000',
  S3_BUCKET: 'media',
  S3_ACCESS_KEY: 'a',
  S3_SECRET_KEY: 'b',
};

/** How long the api takes a node as heard, and a proof of a connection as valid. */
const HEARD_MS = 20_000;
const PROVEN_MS = 30_000;

function longest(name: 'HEARTBEAT_INTERVAL_MS' | 'PROBE_INTERVAL_MS'): number {
  const takes = (value: number) => {
    try {
      loadConfig(sessionNodeConfigSchema, { ...REQUIRED, [name]: String(value) });
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      expect(String(error)).toContain(name);
      return false;
    }
  };
  const values = Array.from({ length: 600 }, (_, index) => (index + 1) * 500);
  return Math.max(...values.filter(takes));
}

test('no time between heartbeats is taken at which a node that lives would not be heard', () => {
  // Two may be lost on the way.
  expect(3 * longest('HEARTBEAT_INTERVAL_MS')).toBeLessThan(HEARD_MS);
});

test('no times are taken with which a session that is connected would be shown as not proven', () => {
  const withoutNewsMs = longest('PROBE_INTERVAL_MS') + longest('HEARTBEAT_INTERVAL_MS');
  expect(withoutNewsMs).toBeLessThan(PROVEN_MS);
});
