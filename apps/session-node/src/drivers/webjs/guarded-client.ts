import type { Browser, Page } from 'puppeteer';
import WhatsAppWeb from 'whatsapp-web.js';
import { withDeadline } from '#kernel';
import { PageAgent } from './page-agent.js';

/** Members of the library's Client that its types leave out. */
interface LibraryClient {
  inject(this: unknown): Promise<void>;
}

export interface ClientGuard {
  /** Our script for the page. */
  script: string;
  /** The library and our script are in the page and listen. */
  onAttached(): void;
  /** Something failed where the library has nobody to tell; may be anything, also a string. */
  onFault(error: unknown): void;
}

const MODULES_TIMEOUT_MS = 120_000;
const STEP_TIMEOUT_MS = 30_000;
const POLL_MS = 100;
/** A page that goes elsewhere while it loads, after a logout for instance, is followed this often. */
const LOADING_NAVIGATIONS = 3;

/** What puppeteer says of a document that was replaced, or a page that is closing, under a call. */
const PASSING =
  /context was destroyed|Cannot find context|detached|Target closed|Session closed|Connection closed/i;

/**
 * The library's Client with its unguarded places closed (1.34.7; none of it is needed when the library catches its
 * own errors): `inject` runs in a navigation handler where a rejection ends the process, and also for iframes; the
 * response handler reads bodies of a closing page; the message listeners attach after the sync, serialise every
 * model for five callbacks, and turn a burst into quadratic work. Ours take their place.
 */
export class GuardedClient extends WhatsAppWeb.Client {
  private isLoaded = false;
  private isClosing = false;
  private navigationsLeft = LOADING_NAVIGATIONS;

  constructor(
    options: WhatsAppWeb.ClientOptions,
    private readonly guard: ClientGuard,
  ) {
    super(options);
  }

  get page(): Page | undefined {
    return this.pupPage ?? undefined;
  }

  get browser(): Browser | undefined {
    return this.pupBrowser ?? undefined;
  }

  /** From now on failures of the page are the closing, not faults. */
  expectClosing(): void {
    this.isClosing = true;
  }

  override async initialize(): Promise<void> {
    await super.initialize();
    this.isLoaded = true;
  }

  /**
   * Replaces the library's: never rejects once the page was loaded.
   * @param failure why the try before this one failed, while the page loads
   */
  async inject(failure?: Error): Promise<void> {
    try {
      await this.injectOnce(failure);
    } catch (error) {
      if (this.isClosing) return;
      const isPassing = error instanceof Error && PASSING.test(error.message);
      // The library follows navigations only once the page was loaded.
      if (!this.isLoaded && isPassing && this.navigationsLeft-- > 0) return this.inject(error);
      if (!this.isLoaded) throw error;
      if (!isPassing) this.guard.onFault(error);
    }
  }

  /** Replaces the library's listeners by ours. */
  async attachEventListeners(): Promise<void> {
    try {
      await this.agent.call('attach', []);
      this.guard.onAttached();
    } catch (error) {
      if (!this.isClosing) this.guard.onFault(error);
    }
  }

  /** The page comes from WhatsApp, always. */
  async initWebVersionCache(): Promise<void> {
    await Promise.resolve();
  }

  private get agent(): PageAgent {
    if (!this.page) throw new Error('the browser has not started');
    return new PageAgent(this.page);
  }

  private async injectOnce(failure: Error | undefined): Promise<void> {
    if (!(await this.claimDocument())) {
      // Still the document in which it failed half-way: the page would stand there without our listeners.
      if (failure) throw failure;
      return;
    }
    await this.waitForModules();
    await this.step(this.page?.evaluate(this.guard.script), 'loading the page script');
    await this.agent.call('prepare', []);
    await (WhatsAppWeb.Client.prototype as unknown as LibraryClient).inject.call(this);
    await this.agent.call('announceSync', []);
  }

  /** False when this document has been claimed before: iframes navigate too. */
  private async claimDocument(): Promise<boolean> {
    const claim = this.page?.evaluate(() => {
      const mark = window as unknown as { wagateClaimed?: boolean };
      if (mark.wagateClaimed) return false;
      mark.wagateClaimed = true;
      return true;
    });
    return (await this.step(claim, 'claiming the document')) ?? false;
  }

  private async waitForModules(): Promise<void> {
    const until = performance.now() + MODULES_TIMEOUT_MS;
    while (performance.now() < until) {
      const ready = this.page?.evaluate(
        'window.Debug?.VERSION !== undefined && typeof window.require === "function"',
      );
      if (await this.step(ready, 'looking for the modules')) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new Error('WhatsApp Web did not load its modules in time');
  }

  private async step<T>(work: Promise<T> | undefined, what: string): Promise<T | undefined> {
    return work && withDeadline(work, STEP_TIMEOUT_MS, what);
  }
}
