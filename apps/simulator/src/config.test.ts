import { expect, test } from 'vitest';
import { loadConfig } from '#runtime';
import { simulatorConfigSchema } from './config.js';

test('the defaults are loopback and the current build', () => {
  expect(loadConfig(simulatorConfigSchema, {})).toMatchObject({
    SIMULATOR_HOST: '127.0.0.1',
    SIMULATOR_PROFILE: '2026-09',
    SIMULATOR_QR_FIRST_MS: 60_000,
    SIMULATOR_QR_NEXT_MS: 20_000,
  });
});

test('all bad variables are named at once', () => {
  const env = {
    SIMULATOR_PORT: 'x',
    SIMULATOR_PROFILE: '2020',
    SIMULATOR_QR_NEXT_MS: '1',
    SIMULATOR_HOST: 'nowhere',
  };
  let message = '';
  try {
    loadConfig(simulatorConfigSchema, env);
  } catch (error) {
    message = String(error);
  }
  for (const name of Object.keys(env)) expect(message).toContain(name);
});

test('an address beyond this machine must be allowed', () => {
  expect(() => loadConfig(simulatorConfigSchema, { SIMULATOR_HOST: '0.0.0.0' })).toThrow('SIMULATOR_HOST');
  const allowed = { SIMULATOR_HOST: '0.0.0.0', SIMULATOR_ALLOW_REMOTE: '1' };
  expect(loadConfig(simulatorConfigSchema, allowed).SIMULATOR_HOST).toBe('0.0.0.0');
});
