import { withDeadline } from '#kernel';
import type { Logger } from './create-logger.js';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
const DEFAULT_TIMEOUT_MS = 10_000;

interface Hook {
  name: string;
  run: () => Promise<void> | void;
  timeoutMs: number;
}

export interface ShutdownOptions {
  logger: Logger;
  /** `process.exit` unless told. */
  exit?: (code: number) => void;
}

/**
 * The orderly end of a process. Hooks run one after the other, the last added first, so that what was started last,
 * and leans on the rest, stops first. Each has its deadline: one that fails or hangs is logged and passed over.
 */
export class Shutdown {
  private readonly hooks: Hook[] = [];
  private running: Promise<boolean> | undefined;
  private readonly exit: (code: number) => void;

  constructor(private readonly options: ShutdownOptions) {
    this.exit = options.exit ?? ((code) => process.exit(code));
  }

  /** @param timeoutMs how long the hook may take, 10 s unless told */
  onShutdown(name: string, run: () => Promise<void> | void, timeoutMs = DEFAULT_TIMEOUT_MS): void {
    this.hooks.push({ name, run, timeoutMs });
  }

  /** At the first SIGTERM or SIGINT runs the hooks and ends the process; at the second ends it at once. */
  listen(): void {
    for (const signal of SIGNALS) process.on(signal, () => this.handleSignal(signal));
  }

  /** Runs the hooks, once whoever calls. @returns false when one failed or took too long */
  run(): Promise<boolean> {
    this.running ??= this.runHooks();
    return this.running;
  }

  private handleSignal(signal: (typeof SIGNALS)[number]): void {
    const { logger } = this.options;
    if (this.running) {
      logger.warn({ signal }, 'second signal, ending at once');
      this.exit(1);
      return;
    }
    logger.info({ signal }, 'shutting down');
    void this.run().then((isClean) => this.exit(isClean ? 0 : 1));
  }

  private async runHooks(): Promise<boolean> {
    let isClean = true;
    for (const { name, run, timeoutMs } of [...this.hooks].reverse()) {
      try {
        await withDeadline(Promise.resolve().then(run), timeoutMs, `stopping ${name}`);
      } catch (err) {
        isClean = false;
        this.options.logger.error({ err, what: name }, 'a part did not stop cleanly');
      }
    }
    return isClean;
  }
}
