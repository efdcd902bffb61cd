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

type Times = Partial<Record<'HEARTBEAT_INTERVAL_MS' | 'PROBE_INTERVAL_MS' | 'PROBE_TIMEOUT_MS', number>>;

const SHORT = { HEARTBEAT_INTERVAL_MS: 500, PROBE_INTERVAL_MS: 500, PROBE_TIMEOUT_MS: 500 };
const VALUES = Array.from({ length: 60 }, (_, index) => (index + 1) * 500);

/** What is wrong with these times; undefined when they are taken. */
function problemOf(times: Times): string | undefined {
  const given = Object.fromEntries(Object.entries(times).map(([name, value]) => [name, String(value)]));
  try {
    loadConfig(sessionNodeConfigSchema, { ...REQUIRED, ...given });
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return String(error);
  }
}

function longest(name: keyof Times, others: Times): number {
  return Math.max(
    ...VALUES.filter((value) => {
      const problem = problemOf({ ...others, [name]: value });
      if (problem !== undefined) expect(problem).toContain(name);
      return problem === undefined;
    }),
  );
}

test('no time between heartbeats is taken at which a node that lives would not be heard', () => {
  // Two may be lost on the way.
  expect(3 * longest('HEARTBEAT_INTERVAL_MS', SHORT)).toBeLessThan(HEARD_MS);
});

test('no times are taken with which a session that is connected would be shown as not proven', () => {
  const names = ['PROBE_INTERVAL_MS', 'PROBE_TIMEOUT_MS', 'HEARTBEAT_INTERVAL_MS'] as const;
  for (const first of names) {
    for (const second of names.filter((name) => name !== first)) {
      const times: Required<Times> = { ...SHORT, [first]: longest(first, SHORT) };
      times[second] = longest(second, times);
      const third = names.find((name) => name !== first && name !== second) ?? first;
      times[third] = longest(third, times);
      expect(times.PROBE_INTERVAL_MS + times.PROBE_TIMEOUT_MS + times.HEARTBEAT_INTERVAL_MS).toBeLessThan(
        PROVEN_MS,
      );
    }
  }
});

test('times that are too long only together are refused by the names of all of them', () => {
  expect(problemOf({})).toBeUndefined();
  const problem = problemOf({ PROBE_INTERVAL_MS: 20_000 });
  for (const name of Object.keys(SHORT)) expect(problem).toContain(name);
  expect(problemOf({ PROBE_INTERVAL_MS: 20_000, PROBE_TIMEOUT_MS: 5_000 })).toBeUndefined();
});
