import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { newWebhookSecret, signatureHeaders } from './webhook-signature.js';

const CONTENT = {
  id: 'evt_01k2m3n4p5q6r7s8t9v0w1x2y3',
  timestamp: Math.floor(Date.now() / 1_000),
  body: '{"text":"grüß dich 👋"}',
};

describe('a signature', () => {
  it('is accepted by the official library, under each secret of a rotation', () => {
    const secrets = [newWebhookSecret(), newWebhookSecret()];
    const headers = signatureHeaders(secrets, CONTENT);
    for (const secret of secrets) {
      expect(new Webhook(secret).verify(CONTENT.body, headers)).toEqual(JSON.parse(CONTENT.body));
    }
    expect(() => new Webhook(newWebhookSecret()).verify(CONTENT.body, headers)).toThrow();
  });

  it.each([
    ['body', { body: `${CONTENT.body} ` }],
    ['id', { id: 'evt_other' }],
    ['timestamp', { timestamp: CONTENT.timestamp - 1 }],
  ])('covers the %s', (_part, other) => {
    const secret = newWebhookSecret();
    const changed = { ...CONTENT, ...other };
    const headers = {
      ...signatureHeaders([secret], CONTENT),
      'webhook-id': changed.id,
      'webhook-timestamp': String(changed.timestamp),
    };
    expect(() => new Webhook(secret).verify(changed.body, headers)).toThrow();
  });

  it('is checked by the lines that the documents show', async () => {
    const document = await readFile(new URL('../../../../docs/webhooks.md', import.meta.url), 'utf8');
    const [, lines = ''] = /```js\n([^]*?)```/.exec(document) ?? [];
    const { isGenuine } = (await import(`data:text/javascript,${encodeURIComponent(lines)}`)) as {
      isGenuine: (headers: Record<string, string>, body: string, secret: string) => boolean;
    };
    const secrets = [newWebhookSecret(), newWebhookSecret()];
    const headers = signatureHeaders(secrets, CONTENT);
    for (const secret of secrets) expect(isGenuine(headers, CONTENT.body, secret)).toBe(true);
    expect(isGenuine(headers, `${CONTENT.body} `, secrets[0] ?? '')).toBe(false);
    expect(isGenuine(headers, CONTENT.body, newWebhookSecret())).toBe(false);
    const old = signatureHeaders(secrets, { ...CONTENT, timestamp: CONTENT.timestamp - 600 });
    expect(isGenuine(old, CONTENT.body, secrets[0] ?? '')).toBe(false);
  });

  it('is an HMAC under the secret as its specification says', () => {
    const secret = newWebhookSecret();
    const headers = signatureHeaders([secret], CONTENT);
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    expect(key.length).toBeGreaterThanOrEqual(24);
    const signed = `${CONTENT.id}.${String(CONTENT.timestamp)}.${CONTENT.body}`;
    const expected = createHmac('sha256', key).update(signed).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${expected}`);
  });
});
