import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { FailpointName } from './failpoint-names.js';
import { parseFailpointPlan, type FailpointSetting } from './failpoint-plan.js';

const STDERR = 2;
const LOOK_AGAIN_MS = 10;

/** Where the plan comes from: a text, or a file that is read again at each hit. */
export type FailpointSource = { plan: string } | { file: string };

/** A process' failpoints, when any may be set. Not made in production. */
export class ArmedFailpoints {
  private text = '';
  private settings: FailpointSetting[] = [];
  private hits = new Map<FailpointName, number>();
  private random = seededRandom(1);

  /** @throws Error that names what is wrong with the plan */
  constructor(private readonly source: FailpointSource) {
    this.read();
  }

  async hit(name: FailpointName): Promise<void> {
    const setting = this.find(name);
    if (!setting) return;
    const count = (this.hits.get(name) ?? 0) + 1;
    this.hits.set(name, count);
    if (setting.atHit !== null && setting.atHit !== count) return;
    if (setting.jitterMs > 0) await delay(Math.floor(this.random() * (setting.jitterMs + 1)));
    this.note(`${name} ${setting.action}`);
    if (setting.action === 'kill') killSelf();
    if (setting.action === 'error') throw new Error(`failpoint ${name}`);
    if (setting.pauseMs !== null) await delay(setting.pauseMs);
    else while (this.find(name)?.action === 'pause') await delay(LOOK_AGAIN_MS);
  }

  private find(name: FailpointName): FailpointSetting | undefined {
    if ('file' in this.source) this.read();
    return this.settings.find((setting) => setting.name === name);
  }

  /** A new plan counts hits anew. */
  private read(): void {
    const text = 'plan' in this.source ? this.source.plan : readFileSync(this.source.file, 'utf8');
    if (text === this.text) return;
    const { settings, seed } = parseFailpointPlan(text);
    this.text = text;
    this.settings = settings;
    this.hits = new Map();
    this.random = seededRandom(seed);
  }

  /** Written at once: the next thing may be the end of this process. */
  private note(line: string): void {
    writeSync(STDERR, `failpoint ${line}\n`);
    if ('file' in this.source) appendFileSync(`${this.source.file}.hits`, `${line}\n`);
  }
}

/** The signal stops the whole process; what this thread might still do until then is held up. */
function killSelf(): never {
  process.kill(process.pid, 'SIGKILL');
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

/** The same numbers from 0 to 1 for the same seed. */
function seededRandom(seed: number): () => number {
  let drawn = 0;
  return () => {
    drawn += 1;
    const digest = createHash('sha256')
      .update(`${String(seed)} ${String(drawn)}`)
      .digest();
    return digest.readUInt32BE(0) / 2 ** 32;
  };
}
