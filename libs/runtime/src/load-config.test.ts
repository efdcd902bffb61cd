import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ConfigError, describeConfig, loadConfig } from './index.js';

const schema = z.object({
  PORT: z.coerce.number().int().min(1).max(65_535).default(3000).describe('Port to listen on'),
  DATABASE_URL: z.url({ protocol: /^postgres$/ }).describe('Where the data is'),
  INTERNAL_SECRET: z.string().min(32, 'must be at least 32 bytes').describe('Shared secret'),
  REDIS_URL: z.url().optional().describe('Redis'),
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
        isRequired: false,
        defaultValue: '3000',
        isSecret: false,
      },
      {
        name: 'DATABASE_URL',
        description: 'Where the data is',
        isRequired: true,
        defaultValue: undefined,
        isSecret: true,
      },
      {
        name: 'INTERNAL_SECRET',
        description: 'Shared secret',
        isRequired: true,
        defaultValue: undefined,
        isSecret: true,
      },
      { name: 'REDIS_URL', description: 'Redis', isRequired: false, defaultValue: undefined, isSecret: true },
    ]);
  });
});
