import { describe, expect, it } from 'vitest';
import { testBrowserPath } from '../../../../../test/support/index.js';
import { assertRouteArgs, browserArgs, browserEnvironment, readUserAgent } from './launch-options.js';

const ROUTE = [
  '--host-resolver-rules=MAP web.whatsapp.com 127.0.0.1:4443',
  '--ignore-certificate-errors-spki-list=abc=',
];

describe('how a browser is launched', () => {
  it('takes the two flags of a simulator and no other', () => {
    expect(assertRouteArgs(ROUTE)).toEqual(ROUTE);
    for (const args of [
      undefined,
      [],
      ROUTE.slice(0, 1),
      [...ROUTE, '--no-sandbox'],
      [ROUTE[0], ROUTE[0]],
      [ROUTE[0], '--ignore-certificate-errors'],
      [ROUTE[0], 7],
    ]) {
      expect(() => assertRouteArgs(args)).toThrow(/two/);
    }
  });

  it('keeps the sandbox unless it is told otherwise, and tells the browser nothing of ours', () => {
    expect(browserArgs(false)).not.toContain('--no-sandbox');
    expect(browserArgs(true)).toContain('--no-sandbox');
    process.env.INTERNAL_SECRET = 'secret';
    expect(Object.keys(browserEnvironment('/home'))).not.toContain('INTERNAL_SECRET');
    delete process.env.INTERNAL_SECRET;
  });

  it('says the version of the real binary', async () => {
    expect(await readUserAgent(testBrowserPath(), process.getuid?.() === 0)).toMatch(
      /^Mozilla\/5\.0 .* Chrome\/\d{3}\.0\.0\.0 Safari/,
    );
  });
});
