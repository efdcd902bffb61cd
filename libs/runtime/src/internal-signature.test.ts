import { describe, expect, it } from 'vitest';
import { signRequest, SignatureVerifier } from './internal-signature.js';

const secret = 'x'.repeat(32);
const parts = { method: 'POST', path: '/internal/events', body: '{"a":1}' };

describe('internal signature', () => {
  it('accepts a request once', () => {
    const verifier = new SignatureVerifier(secret);
    const headers = signRequest(secret, parts);
    expect(verifier.verify(parts, headers)).toBe(true);
    expect(verifier.verify(parts, headers)).toBe(false);
  });

  it.each([
    ['another body', { ...parts, body: '{"a":2}' }],
    ['another path', { ...parts, path: '/internal/other' }],
    ['another method', { ...parts, method: 'PUT' }],
  ])('refuses %s under the same signature', (_, changed) => {
    expect(new SignatureVerifier(secret).verify(changed, signRequest(secret, parts))).toBe(false);
  });

  it('refuses another secret, an old or future timestamp, and missing headers', () => {
    const verifier = new SignatureVerifier(secret);
    expect(verifier.verify(parts, signRequest('y'.repeat(32), parts))).toBe(false);
    expect(verifier.verify(parts, signRequest(secret, parts, Date.now() - 31_500))).toBe(false);
    expect(verifier.verify(parts, signRequest(secret, parts, Date.now() + 31_500))).toBe(false);
    expect(verifier.verify(parts, {})).toBe(false);
  });

  it('can be told from the headers alone when it cannot be right', () => {
    const verifier = new SignatureVerifier(secret);
    const headers = signRequest(secret, parts);
    expect(verifier.looksSigned(headers)).toBe(true);
    expect(verifier.verify(parts, headers)).toBe(true);
    expect(verifier.looksSigned(signRequest(secret, parts, Date.now() - 31_500))).toBe(false);
    for (const name of Object.keys(headers)) {
      expect(verifier.looksSigned({ ...headers, [name]: undefined })).toBe(false);
      expect(verifier.looksSigned({ ...headers, [name]: 'x' })).toBe(false);
    }
  });
});
