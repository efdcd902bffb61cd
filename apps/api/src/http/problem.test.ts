import { describe, expect, it } from 'vitest';
import { toAppError } from './problem.js';

describe('a value that Postgres cannot hold', () => {
  it.each(['22021', '22P05', '22008'])('is the fault of the request, not ours: %s', (code) => {
    const refused = Object.assign(new Error('quotes the value'), { code });
    const error = toAppError(refused);
    expect(error.code).toBe('invalid_request');
    expect(error.message).not.toContain('quotes');
  });
});
