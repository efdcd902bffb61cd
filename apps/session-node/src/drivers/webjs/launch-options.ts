import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { AppError } from '#kernel';

const run = promisify(execFile);
const VERSION_TIMEOUT_MS = 60_000;

/** Measured for density: about half the memory of a plain headless Chromium, and a tenth of its idle CPU. */
const DENSITY_ARGS = [
  '--disable-gpu',
  '--disable-software-rasterizer',
  '--enable-features=NetworkServiceInProcess2',
  '--js-flags=--optimize-for-size',
  '--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup,PreloadTopChromeWebUI,SpareRendererForSitePerProcess',
];

/** Chromium's own conversations with others, none of which a session needs. */
const QUIET_ARGS = [
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-domain-reliability',
  '--disable-sync',
  '--disable-breakpad',
  '--metrics-recording-only',
  '--no-pings',
];

/** What the simulator may ask of a browser: two flags, nothing else. */
const ROUTE_FLAGS = ['--host-resolver-rules=', '--ignore-certificate-errors-spki-list='];

/** The arguments of a session's browser, without those of its route. */
export function browserArgs(noSandbox: boolean): string[] {
  return [...DENSITY_ARGS, ...QUIET_ARGS, ...(noSandbox ? ['--no-sandbox'] : [])];
}

/** The only variables a browser gets: nothing of ours, least of all secrets. */
export function browserEnvironment(homeDirectory: string): Record<string, string> {
  const { PATH = '', LANG = 'C.UTF-8', TZ } = process.env;
  return { PATH, LANG, HOME: homeDirectory, ...(TZ ? { TZ } : {}) };
}

/**
 * A user agent that matches the binary: the library's own names Chrome 101 on macOS.
 * @throws AppError `internal` when the browser does not tell its version
 */
export async function readUserAgent(chromePath: string, noSandbox: boolean): Promise<string> {
  const args = ['--version', ...(noSandbox ? ['--no-sandbox'] : [])];
  const { stdout } = await run(chromePath, args, { timeout: VERSION_TIMEOUT_MS });
  const major = /(\d+)\.\d+\.\d+\.\d+/.exec(stdout)?.[1];
  if (major === undefined) throw new AppError('internal', 'CHROME_PATH does not tell its version');
  const platform = process.platform === 'darwin' ? 'Macintosh; Intel Mac OS X 10_15_7' : 'X11; Linux x86_64';
  return `Mozilla/5.0 (${platform}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${major}.0.0.0 Safari/537.36`;
}

/**
 * Checks what a simulator wants on the command line: exactly the two known flags.
 * @throws AppError `internal` for anything else
 */
export function assertRouteArgs(args: unknown): string[] {
  if (!Array.isArray(args) || args.length !== ROUTE_FLAGS.length) throw routeRefused();
  const flags = args.map((arg: unknown) => (typeof arg === 'string' ? arg : ''));
  for (const flag of ROUTE_FLAGS) {
    if (flags.filter((arg) => arg.startsWith(flag)).length !== 1) throw routeRefused();
  }
  return flags;
}

function routeRefused(): AppError {
  return new AppError('internal', 'the simulator asked for other browser flags than its two');
}
