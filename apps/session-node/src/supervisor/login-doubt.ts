import type { Clock } from '#kernel';
import type { Logger } from 'pino';
import type { LinkState } from '../drivers/driver.js';

/** For so long the page has to say that the login is gone, at every look. */
const LOOKS_APART_MS = 5_000;

/**
 * What the looks at one browser's page say of its login. A profile that is deleted does not come back, and a page may
 * be wrong for a moment, while it loads for instance. So the login is gone only when two looks, at least five seconds
 * apart, say so and no look between says anything else. The next browser is looked at twice again.
 */
export class LoginDoubt {
  private sinceMs: number | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {}

  /**
   * @param link what the page says now
   * @param isLinked the profile was proven connected once: a page that asks for a login has lost it
   */
  look(link: LinkState, isLinked: boolean): 'there' | 'doubtful' | 'gone' {
    const isMissing = link === 'unlinked' || (link === 'needs_login' && isLinked);
    if (!isMissing) {
      if (this.sinceMs !== undefined) this.log.warn({ state: link }, 'the login was not gone');
      this.sinceMs = undefined;
      return 'there';
    }
    const nowMs = this.clock.monotonicMs();
    if (this.sinceMs === undefined)
      this.log.warn('the page says that the login is gone: it is looked at again');
    this.sinceMs ??= nowMs;
    return nowMs - this.sinceMs >= LOOKS_APART_MS ? 'gone' : 'doubtful';
  }
}
