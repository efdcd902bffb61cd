import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { CONTROL_PAGE } from './control-page/document.js';
import { type Answer, ROUTES, type RouteContext } from './control-routes.js';
import { Refusal } from './network/records.js';

const MAX_BODY_BYTES = 150 * 1024 * 1024;

/** The simulator's control API: JSON over HTTP, without authentication, meant for loopback. */
export class ControlApi {
  private readonly server: Server;

  constructor(
    private readonly context: RouteContext,
    private readonly pageScript: string,
  ) {
    this.server = createServer((request, response) => void this.serve(request, response));
  }

  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, () => {
        const address = this.server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (request.method === 'GET' && url.pathname === '/') {
      serve(response, 'text/html', CONTROL_PAGE);
      return;
    }
    if (request.method === 'GET' && url.pathname === '/control-page.js') {
      serve(response, 'text/javascript', this.pageScript);
      return;
    }
    let answer: Answer;
    try {
      refuseOtherSites(request);
      answer = await this.answer(request, url);
    } catch (error) {
      answer = refusalOf(error);
    }
    response.writeHead(answer.status, { 'content-type': 'application/json; charset=utf-8' });
    response.end(JSON.stringify(answer.value));
  }

  private async answer(request: IncomingMessage, url: URL): Promise<Answer> {
    const segments = url.pathname.split('/').map((segment) => decodeURIComponent(segment));
    const matching = ROUTES.filter(({ path }) => matches(path.split('/'), segments));
    if (matching.length === 0) throw new Refusal(404, 'there is no such route');
    const route = matching.find(({ method }) => method === request.method);
    if (route === undefined) throw new Refusal(405, 'this route does not take this method');
    const pattern = route.path.split('/');
    const params = segments.filter((_, index) => pattern[index] === ':');
    const body = request.method === 'GET' ? undefined : await readJson(request);
    return route.handle({ params, body, query: Object.fromEntries(url.searchParams) }, this.context);
  }
}

function serve(response: ServerResponse, type: string, content: string): void {
  response.writeHead(200, {
    'content-type': `${type}; charset=utf-8`,
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  });
  response.end(content);
}

function matches(pattern: string[], segments: string[]): boolean {
  return (
    pattern.length === segments.length &&
    pattern.every((part, index) => part === segments[index] || (part === ':' && segments[index] !== ''))
  );
}

/** There is no authentication, so a web page somebody has open must not be able to steer the simulator. */
function refuseOtherSites(request: IncomingMessage): void {
  const { origin, host } = request.headers;
  if (origin !== undefined && origin !== `http://${host ?? ''}`) {
    throw new Refusal(403, 'requests from other web sites are refused');
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Refusal(413, 'the body is too large');
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch {
    throw new Refusal(400, 'the body is not JSON');
  }
}

function refusalOf(error: unknown): Answer {
  if (error instanceof URIError) return { status: 400, value: { error: 'the path is not valid' } };
  if (!(error instanceof Refusal)) {
    return { status: 500, value: { error: error instanceof Error ? error.message : 'unknown error' } };
  }
  const { status, message, field } = error;
  return { status, value: { error: message, ...(field === undefined ? {} : { field }) } };
}
