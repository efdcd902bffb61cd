import { describe, expect, it } from 'vitest';
import { createLogger, type LoggerOptions } from './index.js';

function captured(options: LoggerOptions = { format: 'json' }) {
  const lines: string[] = [];
  const logger = createLogger('api', 'debug', { ...options, write: (line) => lines.push(line) });
  return { logger, lines, last: () => JSON.parse(lines.at(-1) ?? '') as Record<string, unknown> };
}

describe('createLogger', () => {
  it('writes ids, numbers and words of ours', () => {
    const { logger, last } = captured();
    logger
      .child({ sessionId: 'ses_01JABC' })
      .info({ state: 'connected', durationMs: 12, isFirst: true }, 'session moved');
    expect(last()).toMatchObject({
      level: 'info',
      name: 'api',
      sessionId: 'ses_01JABC',
      state: 'connected',
      durationMs: 12,
      isFirst: true,
      msg: 'session moved',
    });
  });

  it('never writes bodies, headers, queries, phone numbers or keys, wherever they are put', () => {
    const { logger, lines } = captured();
    const number = '4915112345678';
    const secret = 'canary-secret-text';
    const error = new Error(`could not send to +49 151 1234-5678 at https://user:pw@host/p?token=${secret}`);
    logger.info(
      { body: { text: secret }, headers: { authorization: secret }, url: `/x?${secret}`, to: number },
      'one',
    );
    logger.info(
      { reason: secret + ' with spaces', text: secret, list: [secret], chatId: `${number}@c.us` },
      'two',
    );
    logger.error(
      { err: error, error },
      `sending to ${number} with wg_live_abcdefgh_${'k'.repeat(43)} failed`,
    );
    logger.child({ phone: number, text: secret }).info('three');
    const text = lines.join('');
    for (const leak of [secret, number, '151', '1234', 'user:pw', 'kkkk']) expect(text).not.toContain(leak);
    expect(text).toContain('[18 characters]');
  });

  it('keeps what explains an error', () => {
    const { logger, last } = captured();
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    logger.error({ err: new TypeError('it broke', { cause }) }, 'failed');
    expect(last()).toMatchObject({
      err: {
        type: 'TypeError',
        message: 'it broke',
        cause: { code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' },
      },
    });
    expect((last().err as { stack: string[] }).stack[0]).toMatch(/^at /);
  });

  it('writes the time to the millisecond', () => {
    const { last, logger } = captured();
    const before = Date.now();
    logger.info('now');
    const time = String(last().time);
    expect(new Date(time).toISOString()).toBe(time);
    expect(Date.parse(time)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(time)).toBeLessThanOrEqual(Date.now());
  });

  it('writes short lines for people when asked', () => {
    const { logger, lines } = captured({ format: 'pretty' });
    logger.warn({ port: 3000 }, 'listening');
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} WARN {2}api listening port=3000\n$/);
  });
});
