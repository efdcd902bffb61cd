import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  ConfigError,
  countField,
  describeConfig,
  flagField,
  httpUrlField,
  loadConfig,
  logLevelField,
  portField,
  secretField,
} from './index.js';

const schema = z.object({
  PORT: z.coerce.number().int().min(1).max(65_535).default(3000).describe('Port to listen on'),
  DATABASE_URL: z.url({ protocol: /^postgres$/ }).describe('Where the data is'),
  INTERNAL_SECRET: z.string().min(32, 'must be at least 32 bytes').describe('Shared secret'),
  REDIS_URL: z
    .url({ protocol: /^rediss?$/ })
    .optional()
    .describe('Redis'),
});

describe('loadConfig', () => {
  it('reads what the schema names and fills the rest with defaults', () => {
    const env = {
      DATABASE_URL: 'postgres://u@h/d',
      INTERNAL_SECRET: 'x'.repeat(32),
      REDIS_URL: '',
      OTHER: '1',
    };
    expect(loadConfig(schema, env)).toEqual({
      PORT: 3000,
      DATABASE_URL: 'postgres://u@h/d',
      INTERNAL_SECRET: 'x'.repeat(32),
    });
  });

  it('names every bad variable at once and shows no value', () => {
    const env = { PORT: 'abc', INTERNAL_SECRET: 'too-short-secret', REDIS_URL: 'not a url' };
    const attempt = () => loadConfig(schema, env);
    expect(attempt).toThrow(ConfigError);
    try {
      attempt();
    } catch (error) {
      const { problems, message } = error as ConfigError;
      expect(problems.map(({ name }) => name)).toEqual([
        'PORT',
        'DATABASE_URL',
        'INTERNAL_SECRET',
        'REDIS_URL',
      ]);
      expect(problems[1]?.message).toBe('is required');
      expect(message).not.toMatch(/abc|too-short-secret|not a url/);
    }
  });
});

describe('describeConfig', () => {
  it('tells name, default, need and secrecy of each variable', () => {
    expect(describeConfig(schema)).toEqual([
      {
        name: 'PORT',
        description: 'Port to listen on',
        allowed: '1 to 65535',
        isRequired: false,
        defaultValue: '3000',
        isSecret: false,
      },
      {
        name: 'DATABASE_URL',
        description: 'Where the data is',
        allowed: 'postgres:// URL',
        isRequired: true,
        defaultValue: undefined,
        isSecret: true,
      },
      {
        name: 'INTERNAL_SECRET',
        description: 'Shared secret',
        allowed: 'text',
        isRequired: true,
        defaultValue: undefined,
        isSecret: true,
      },
      {
        name: 'REDIS_URL',
        description: 'Redis',
        allowed: 'redis:// or rediss:// URL',
        isRequired: false,
        defaultValue: undefined,
        isSecret: true,
      },
    ]);
  });

  it('tells which values are taken, as the schema says it', () => {
    const allowed = (field: z.ZodType) => describeConfig(z.object({ FIELD: field }))[0]?.allowed;
    expect(allowed(flagField.describe('A flag'))).toBe('true, false');
    expect(allowed(countField(-1, 2_000, 5).describe('A count'))).toBe('-1 to 2000');
    expect(allowed(portField(80))).toBe('0 to 65535');
    expect(allowed(httpUrlField.optional().describe('An address'))).toBe('http:// or https:// URL');
    expect(allowed(logLevelField)).toBe('fatal, error, warn, info, debug, trace, silent');
    expect(allowed(secretField.describe('A secret'))).toMatch(/^at least \d+ bytes, random$/);
    expect(allowed(z.string().min(3).max(63))).toBe('3 to 63 characters');
    expect(
      allowed(
        z
          .string()
          .regex(/^[a-z]+$/)
          .default('a'),
      ),
    ).toBe('matches `^[a-z]+$`');
  });
});
