import type { Fault, FaultKind, WireMessage } from '../wire.js';
import { pageError } from './errors.js';

/** The faults a page carries out itself. */
export class PageFaults {
  private faults: Fault[] = [];

  constructor(private readonly reportUse: (id: string) => Promise<unknown>) {}

  replace(faults: Fault[]): void {
    this.faults = faults.map((fault) => ({ ...fault }));
    for (const fault of this.faults) {
      if (fault.kind === 'rendererCrash' && (fault.when ?? 'now') === 'now') void this.use(fault).then(crash);
      if (fault.kind === 'iframes') void this.use(fault).then(addIframes);
      if (fault.kind === 'navigates') void this.use(fault).then(navigate);
      if (fault.kind === 'hang' && (fault.when ?? 'now') === 'now')
        void this.use(fault).then(() => hang(fault.ms));
    }
  }

  has(kind: FaultKind): boolean {
    return this.faults.some((fault) => fault.kind === kind);
  }

  hiddenModules(): string[] {
    return this.faults.flatMap(({ kind, name }) =>
      kind === 'missingModule' && name !== undefined ? [name] : [],
    );
  }

  /** Synchronously throws when sends shall fail before an id is taken. */
  beforeId(): void {
    this.throwFor('sendThrowsBeforeId');
  }

  async beforeHandOver(message: WireMessage): Promise<void> {
    this.throwFor('sendThrowsAfterId');
    const poison = this.faults.find((fault) => fault.kind === 'poison' && fault.body === message.body);
    if (poison !== undefined) await this.use(poison).then(crash);
    await this.crashOrHang('send');
  }

  async afterHandOver(_message: WireMessage): Promise<void> {
    await this.crashOrHang('afterHandOver');
    this.throwFor('sendThrowsAfterHandOver');
    const never = this.take('sendNeverSettles');
    if (never !== undefined) await new Promise(() => undefined);
  }

  /** The fault, counted as used. */
  take(kind: FaultKind, when?: Fault['when']): Fault | undefined {
    const fault = this.faults.find(
      (candidate) => candidate.kind === kind && (when ?? candidate.when) === candidate.when,
    );
    if (fault !== undefined) void this.use(fault);
    return fault;
  }

  private async crashOrHang(when: Fault['when']): Promise<void> {
    for (const kind of ['rendererCrash', 'hang'] as const) {
      const fault = this.faults.find((candidate) => candidate.kind === kind && candidate.when === when);
      if (fault === undefined) continue;
      await this.use(fault);
      if (kind === 'hang') hang(fault.ms);
      else crash();
    }
  }

  private throwFor(kind: FaultKind): void {
    if (this.take(kind) !== undefined) throw pageError(`fault on command: ${kind}`);
  }

  /** Resolves when the network has counted it, so that a page that dies of it does not die of it again. */
  private async use(fault: Fault): Promise<void> {
    if (fault.times !== undefined) {
      fault.times -= 1;
      if (fault.times <= 0) this.faults = this.faults.filter((candidate) => candidate !== fault);
    }
    await this.reportUse(fault.id);
  }
}

/** Frames that navigate, as widgets of the real page do. */
function addIframes(): void {
  for (let count = 0; count < 3; count += 1) {
    const frame = document.createElement('iframe');
    frame.srcdoc = '<p>frame</p>';
    document.body.appendChild(frame);
  }
}

/** Navigations within the document, which a browser reports like those to a new one. */
function navigate(): void {
  for (let count = 0; count < 3; count += 1) history.pushState({}, '', `/#${String(count)}`);
}

function hang(ms = Infinity): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** A selector nested deeper than the renderer's stack ends the process at once; a Chromium that bears it runs out of memory. */
function crash(): void {
  const depth = 100_000;
  try {
    document.querySelector(`${':is('.repeat(depth)}a${')'.repeat(depth)}`);
  } finally {
    const hoard: number[][] = [];
    for (;;) hoard.push(Array.from({ length: 1_000_000 }, (_, index) => index + 0.5));
  }
}
