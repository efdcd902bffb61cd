import { withDeadline } from '#kernel';
import type { Page } from 'puppeteer';
import type { PageAgentApi } from './page/agent-api.js';

type Method = keyof PageAgentApi;
type Result<M extends Method> = Awaited<ReturnType<PageAgentApi[M]>>;

const DEFAULT_TIMEOUT_MS = 15_000;
/** Message of the error for a document that our script is not in. */
export const NO_SCRIPT = 'the page script is not there';

/** Calls our script in the page. Every call has a deadline: a page that is dead or busy never answers. */
export class PageAgent {
  constructor(private readonly page: Page) {}

  /** @throws DeadlineError, or whatever the page or the browser says */
  async call<M extends Method>(
    method: M,
    args: Parameters<PageAgentApi[M]>,
    timeoutMs = DEFAULT_TIMEOUT_MS,
  ): Promise<Result<M>> {
    const answer = this.page.evaluate(
      (name: string, values: unknown[], missing: string) => {
        const { wagateAgent } = window as unknown as {
          wagateAgent?: Record<string, (...given: unknown[]) => unknown>;
        };
        const run = wagateAgent?.[name];
        if (!run) throw new Error(missing);
        return run(...values);
      },
      method,
      args,
      NO_SCRIPT,
    );
    return (await withDeadline(answer, timeoutMs, `the page (${method})`)) as Result<M>;
  }
}
