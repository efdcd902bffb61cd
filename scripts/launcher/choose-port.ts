import { createServer } from 'node:net';
import { report } from './report.js';

const TRIED_PORTS = 100;

async function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

export interface PortWish {
  /** Whose port it is, for the messages. */
  part: string;
  host: string;
  /** Environment variable that sets it, and then it is not replaced by another. */
  variable: string;
  defaultPort: number;
}

/**
 * The port the environment asks for, else the default, else the next free one above it.
 * @throws Error when the port that was asked for is taken or is none
 */
export async function choosePort({ part, host, variable, defaultPort }: PortWish): Promise<number> {
  const wished = process.env[variable];
  if (wished) {
    const port = Number(wished);
    if (!Number.isInteger(port) || port < 1 || port > 65_535)
      throw new Error(`${variable} is not a port: ${wished}`);
    if (await isFree(host, port)) return port;
    throw new Error(`port ${port} (${variable}, for the ${part}) is taken by another program`);
  }
  for (let port = defaultPort; port < defaultPort + TRIED_PORTS; port += 1) {
    if (!(await isFree(host, port))) continue;
    if (port !== defaultPort)
      report(`port ${defaultPort} is taken; the ${part} uses ${port} (set ${variable} to choose)`);
    return port;
  }
  throw new Error(`no free port for the ${part} from ${defaultPort} on; set ${variable}`);
}
