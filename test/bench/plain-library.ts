import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Simulator } from '../../apps/simulator/src/index.js';
import { newPhone } from '../support/session-steps.js';
import { BenchChild } from './bench-child.js';
import type { BenchRun } from './bench-run.js';
import { reportOf, type PlainCommand } from './baselines/messages.js';

const LINK_TIMEOUT_MS = 240_000;

export interface PlainOptions {
  simulator: Simulator;
  chromePath: string;
  /** Beside the route to the simulator. */
  args: string[];
  sessions: number;
}

/** The plain library's process with its clients linked, each to a phone of its own. */
export class PlainLibrary {
  private constructor(
    readonly child: BenchChild,
    readonly phones: string[],
  ) {}

  static async start(run: BenchRun, options: PlainOptions): Promise<PlainLibrary> {
    const { simulator, sessions } = options;
    const profiles = join(await run.folder(), 'profiles');
    await mkdir(profiles);
    const child = BenchChild.start('baselines/plain-library', {
      CHROME_PATH: options.chromePath,
      PLAIN_ARGS: JSON.stringify([...options.args, ...simulator.browserRoute.args]),
      PLAIN_PROFILES: profiles,
      PLAIN_CLIENTS: String(sessions),
    });
    run.defer('the plain library', () => child.stop());
    const phones = Array.from({ length: sessions }, newPhone);
    const clients = phones.map((phone, index) => link(child, simulator, index, phone));
    await Promise.all(clients);
    run.log(`plain library: ${String(sessions)} linked`);
    return new PlainLibrary(child, phones);
  }

  command(command: PlainCommand): void {
    this.child.send(command);
  }
}

async function link(child: BenchChild, simulator: Simulator, index: number, phone: string): Promise<void> {
  const isReady = reportOf('ready');
  const isQr = reportOf('qr');
  const ready = child.receive(
    (message): message is object => isReady(message) && message.index === index,
    LINK_TIMEOUT_MS,
  );
  const qr = await child.receive(
    (message): message is { qr: string } => isQr(message) && message.index === index,
    LINK_TIMEOUT_MS,
  );
  simulator.network.scan(qr.qr, phone);
  await ready;
}
