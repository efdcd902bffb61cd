import { setTimeout as delay } from 'node:timers/promises';
import { browserPid } from '../../support/browser-pid.js';
import type { FaultsSession } from './faults-stack.js';
import type { SeededRandom } from './seeded-random.js';
import type { WorkloadRun } from './workload-run.js';

export interface NemesisDeed {
  atMs: number;
  deed: string;
  tookMs: number;
}

interface Deed {
  name: string;
  weight: number;
  /** Does harm and mends it, except for what a process mends by itself. */
  act: () => Promise<void>;
}

/** The one who breaks things: one at a time, each from another part of the system. */
export class Nemesis {
  readonly deeds: NemesisDeed[] = [];
  private readonly all: Deed[];

  constructor(
    private readonly run: WorkloadRun,
    private readonly random: SeededRandom,
    private readonly tell: (text: string) => void,
    /** Names of the deeds to choose from; all unless told. */
    names?: readonly string[],
  ) {
    const all = this.allDeeds();
    this.all = names ? all.filter(({ name }) => names.includes(name)) : all;
  }

  /** Strikes every so often until the run is over, then mends everything. */
  async work(leastMs: number, mostMs: number): Promise<void> {
    while (!this.run.isOver) {
      await this.run.pause(this.random.between(leastMs, mostMs));
      if (!this.run.isOver) await this.strike(this.random.weighted(this.all).name);
    }
    await this.faults.stack.simulated.request('DELETE', '/faults');
  }

  async strike(name: string): Promise<void> {
    const deed = this.all.find((one) => one.name === name);
    if (!deed) throw new Error(`the nemesis does not know ${name}`);
    const atMs = Date.now();
    this.tell(name);
    await deed.act();
    this.deeds.push({ atMs, deed: name, tookMs: Date.now() - atMs });
  }

  private allDeeds(): Deed[] {
    return [...this.processDeeds(), ...this.storeDeeds(), ...this.pageDeeds(), ...this.networkDeeds()];
  }

  private processDeeds(): Deed[] {
    const { stack } = this.faults;
    return [
      { name: 'kill api', weight: 6, act: () => this.killed(stack.api) },
      { name: 'kill node', weight: 4, act: () => this.killed(stack.node) },
      { name: 'kill browser', weight: 5, act: () => this.withBrowser('SIGKILL') },
      { name: 'freeze node', weight: 4, act: () => this.frozen(stack.node.pid) },
      { name: 'freeze api', weight: 3, act: () => this.frozen(stack.api.pid) },
      { name: 'freeze browser', weight: 3, act: () => this.withBrowser('SIGSTOP') },
    ];
  }

  private storeDeeds(): Deed[] {
    const { postgres, store, database } = this.faults;
    return [
      {
        name: 'crash database',
        weight: 4,
        act: async () => {
          await postgres.crash();
          await delay(this.random.between(0, 3_000));
          await postgres.restart();
        },
      },
      { name: 'drop connections', weight: 4, act: async () => void (await database.dropConnections()) },
      {
        name: 'store away',
        weight: 3,
        act: async () => {
          await store.goAway();
          await delay(this.random.between(1_000, 6_000));
          await store.comeBack();
        },
      },
    ];
  }

  private pageDeeds(): Deed[] {
    const when = () => this.random.pick(['now', 'send', 'afterHandOver']);
    const some = () => this.random.between(1, 4);
    return [
      this.fault('rendererCrash', 3, () => ({ when: when(), times: 1 })),
      this.fault('hang', 2, () => ({ when: when(), ms: this.random.between(1_000, 8_000), times: 1 })),
      this.fault('sendThrowsBeforeId', 2, () => ({ times: some() })),
      this.fault('sendThrowsAfterId', 2, () => ({ times: some() })),
      this.fault('sendThrowsAfterHandOver', 2, () => ({ times: some() })),
      this.fault('sendReturnsUndefined', 2, () => ({ times: some() })),
      this.fault('uploadFails', 2, () => ({ times: 1 })),
      this.fault('downloadFails', 2, () => ({ times: 1, status: 500 })),
      this.fault('wrongHash', 2, () => ({ times: 1 })),
      this.fault('syncTwice', 1, () => ({ times: 1 })),
      this.fault('syncLateMs', 1, () => ({ times: 1, ms: this.random.between(1_000, 4_000) })),
      this.fault('navigates', 2, () => ({ times: 1 })),
      this.fault('twoKeys', 2, () => ({ times: some() })),
      this.fault('missingKey', 2, () => ({ times: some() })),
    ];
  }

  private networkDeeds(): Deed[] {
    const login = (what: string, body: () => object) => async () => {
      await this.faults.stack.simulated.post(`/logins/${this.session().phone}/${what}`, body());
    };
    return [
      this.fault('noAck', 2, () => ({ times: this.random.between(1, 2) })),
      {
        name: 'acks late',
        weight: 3,
        act: async () => {
          const { phone } = this.session();
          const ms = this.random.between(500, 6_000);
          const { body } = await this.faults.stack.simulated.post<{ id: string }[] & { id: string }>(
            '/faults',
            {
              kind: 'ackDelayMs',
              phone,
              ms,
            },
          );
          await this.run.pause(this.random.between(2_000, 8_000));
          await this.forget(body.id);
        },
      },
      { name: 'acks shuffled', weight: 3, act: () => this.shuffleAcks() },
      { name: 'drop login', weight: 3, act: login('drop', () => ({ forMs: this.random.between(0, 5_000) })) },
      { name: 'reload page', weight: 3, act: login('reload', () => ({})) },
    ];
  }

  private fault(kind: string, weight: number, fields: () => object): Deed {
    return {
      name: kind,
      weight,
      act: async () => {
        if (kind === 'downloadFails' || kind === 'wrongHash') this.run.downloadsDamaged = true;
        const { phone } = this.session();
        await this.faults.stack.simulated.post('/faults', { kind, phone, ...fields() });
      },
    };
  }

  /** Removes one fault and leaves the others. */
  private async forget(id: string): Promise<void> {
    const { simulated } = this.faults.stack;
    const { body } = await simulated.get<{ id: string }[]>('/faults');
    const faults = body.filter((fault) => fault.id !== id).map(({ id: _, ...fault }) => fault);
    await simulated.request('PUT', '/faults', { faults });
  }

  /** WhatsApp repeats itself, and what it said before. */
  private async shuffleAcks(): Promise<void> {
    const { simulated } = this.faults.stack;
    const { body } = await simulated.get<{ id: string; ack: number }[]>(
      `/sent?from=${this.session().phone}&limit=30`,
    );
    for (const { id, ack } of body) {
      if (ack < 1) continue;
      await simulated.post(`/messages/${encodeURIComponent(id)}/ack`, { ack: this.random.between(0, ack) });
      if (this.random.chance(0.5)) await simulated.post(`/messages/${encodeURIComponent(id)}/ack`, { ack });
    }
  }

  private async killed(part: { kill(): Promise<void>; start(): Promise<void> }): Promise<void> {
    await part.kill();
    await delay(this.random.between(0, 1_500));
    await part.start();
  }

  private async frozen(pid: number): Promise<void> {
    process.kill(pid, 'SIGSTOP');
    await delay(this.random.between(1_000, 12_000));
    process.kill(pid, 'SIGCONT');
  }

  /** The supervisor finds a dead or frozen browser by itself; a frozen one may be dead before it is woken. */
  private async withBrowser(signal: 'SIGKILL' | 'SIGSTOP'): Promise<void> {
    const pid = await browserPid(this.faults.stack, this.session().id).catch(() => undefined);
    if (pid === undefined) return;
    process.kill(pid, signal);
    if (signal === 'SIGKILL') return;
    await delay(this.random.between(1_000, 10_000));
    try {
      process.kill(pid, 'SIGCONT');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  private session(): FaultsSession {
    return this.random.pick(this.faults.sessions);
  }

  private get faults() {
    return this.run.faults;
  }
}
