import type { FastifyInstance } from 'fastify';

/** Knows which methods a path takes, so that a wrong method can be told from a wrong path. */
export class RouteTable {
  private readonly methods = new Map<string, Set<string>>();

  /** Notes every route that is added to `fastify` from now on. */
  watch(fastify: FastifyInstance): void {
    fastify.addHook('onRoute', ({ url, method }) => {
      const known = this.methods.get(url) ?? new Set();
      for (const one of [method].flat()) known.add(one);
      this.methods.set(url, known);
    });
  }

  /** Methods of the route that `url` would match, sorted; none when there is no such path. */
  methodsOf(url: string): string[] {
    const path = segmentsOf(url.split('?', 1)[0] ?? '');
    const found = new Set<string>();
    for (const [pattern, methods] of this.methods) {
      if (matches(segmentsOf(pattern), path)) for (const method of methods) found.add(method);
    }
    return [...found].sort();
  }
}

function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '');
}

/** A catch-all pattern says nothing of the path's existence, so it does not count. */
function matches(pattern: string[], path: string[]): boolean {
  if (pattern.length !== path.length || pattern.length === 0) return false;
  return pattern.every((segment, index) => segment.startsWith(':') || segment === path[index]);
}
