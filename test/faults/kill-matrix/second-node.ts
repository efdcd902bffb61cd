import { cp, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ChildPart } from '../../support/child-part.js';
import { freePort } from '../../support/free-port.js';
import { testBrowserPath } from '../../support/test-browser-path.js';
import type { KillStack } from './kill-stack.js';

/** A session-node and the folder of its profiles. */
export interface NodeHost {
  name: string;
  part: ChildPart;
  profiles: string;
}

/** The node that every stack has. */
export function firstNode({ stack }: KillStack): NodeHost {
  return { name: 'node-1', part: stack.node, profiles: join(stack.folder, 'profiles') };
}

/** Starts another node beside it; the caller stops it. */
export async function startSecondNode(target: KillStack): Promise<NodeHost> {
  const { stack, nodeEnv } = target;
  const port = await freePort();
  const url = `http://127.0.0.1:${String(port)}`;
  const profiles = join(stack.folder, 'profiles-2');
  await mkdir(profiles, { recursive: true });
  const part = new ChildPart({
    name: 'session-node',
    program: join(target.programs, 'apps/session-node/src/main.js'),
    env: {
      ...nodeEnv,
      HOST: '127.0.0.1',
      LOG_LEVEL: 'debug',
      SIMULATOR_URL: stack.simulator.controlUrl,
      S3_REGION: 'us-east-1',
      PORT: String(port),
      NODE_NAME: 'node-2',
      NODE_URL: url,
      API_URL: stack.baseUrl,
      PROFILES_DIR: profiles,
      CHROME_PATH: testBrowserPath(),
      ...(process.getuid?.() === 0 ? { CHROME_NO_SANDBOX: 'true' } : {}),
    },
    healthUrl: `${url}/health/live`,
    logFile: join(stack.folder, 'session-node-2.log'),
  });
  await part.start();
  return { name: 'node-2', part, profiles };
}

/** What belongs to the one machine and not to the login. */
const OF_THE_MACHINE = /\/(?:Singleton[A-Za-z]+|browser\.json)$/;

/** As if the session's volume had been restored on another machine. */
export async function copyProfile(sessionId: string, from: NodeHost, to: NodeHost): Promise<void> {
  const place = join(to.profiles, sessionId);
  await rm(place, { recursive: true, force: true });
  await cp(join(from.profiles, sessionId), place, {
    recursive: true,
    filter: (path) => !OF_THE_MACHINE.test(path),
  });
}

/** Whether any browser of a node has the session's profile open. */
export async function hasBrowser(sessionId: string, { profiles }: NodeHost): Promise<boolean> {
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
    if (command.includes(`--user-data-dir=${join(profiles, sessionId)}/`)) return true;
  }
  return false;
}
