const DEBIAN_HEADLESS_SHELL = '/usr/lib/chromium/chromium-headless-shell';

/** The browser that `npm test` found; a test run by hand without CHROME_PATH takes Debian's headless shell. */
export function testBrowserPath(): string {
  return process.env.CHROME_PATH ?? DEBIAN_HEADLESS_SHELL;
}
