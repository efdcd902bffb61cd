import { readFileSync } from 'node:fs';
import { HttpClient, type Answer } from './http-client.js';

interface DocumentedRoute {
  method: string;
  segments: string[];
  problems: string[];
}

let routes: DocumentedRoute[] | undefined;

/** A client that takes no error which the OpenAPI document does not name for the operation. */
export class DocumentedClient extends HttpClient {
  /** @throws Error when the answer has a code that its operation does not name in `x-problems` */
  override async request<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer<T>> {
    const answer = await super.request<T>(method, path, body, headers);
    if (answer.headers.get('content-type')?.startsWith('application/problem+json')) {
      const { code } = answer.body as { code: string };
      const route = findRoute(method, path);
      if (route && !route.problems.includes(code)) {
        const name = `${method} /${route.segments.join('/')}`;
        throw new Error(`${name} answered ${code}, which openapi.json does not name in its x-problems`);
      }
    }
    return answer;
  }
}

/** Undefined for a path or a method that is not in the document. Fixed segments win over parameters, as in the api. */
function findRoute(method: string, path: string): DocumentedRoute | undefined {
  routes ??= readRoutes();
  const asked = segmentsOf(path.split('?', 1)[0] ?? '');
  const fitting = routes.filter(
    ({ method: taken, segments }) =>
      taken === method &&
      segments.length === asked.length &&
      segments.every((segment, place) => segment.startsWith('{') || segment === asked[place]),
  );
  return fitting.find(({ segments }) => segments.join() === asked.join()) ?? fitting[0];
}

function readRoutes(): DocumentedRoute[] {
  const text = readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8');
  const { paths } = JSON.parse(text) as {
    paths: Record<string, Record<string, { 'x-problems': string[] }>>;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      segments: segmentsOf(path.replace(/^\/api\/v1/, '')),
      problems: operation['x-problems'],
    })),
  );
}

function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '');
}
