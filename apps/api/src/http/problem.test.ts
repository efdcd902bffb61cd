import { describe, expect, it } from 'vitest';
import { AppError } from '#kernel';
import { toAppError, toProblem } from './problem.js';

describe('a value that Postgres cannot hold', () => {
  it.each(['22021', '22P05', '22008'])('is the fault of the request, not ours: %s', (code) => {
    const refused = Object.assign(new Error('quotes the value'), { code });
    const error = toAppError(refused);
    expect(error.code).toBe('invalid_request');
    expect(error.message).not.toContain('quotes');
  });
});

describe('the detail of a failure on our side', () => {
  const detailOf = (outcome: 'not_sent' | 'unknown' | undefined) => {
    const options = outcome === undefined ? {} : { outcome };
    const error = new AppError('service_unavailable', 'the database is not available; try again', options);
    return toProblem(error, 'req_1').detail;
  };

  it('says "try again" only where nothing can happen twice', () => {
    expect(detailOf('not_sent')).toBe('the database is not available; try again');
    expect(detailOf(undefined)).toBe('the database is not available; try again');
    expect(detailOf('unknown')).toMatch(/^the database is not available; it is not known whether/);
    expect(detailOf('unknown')).toContain('Idempotency-Key');
    expect(detailOf('unknown')).not.toContain('try again');
  });
});
