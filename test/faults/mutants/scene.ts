import { newPhone } from '../../support/session-steps.js';
import { waitFor } from '../../support/wait-for.js';
import type { FaultsSession, FaultsStack } from '../nemesis/faults-stack.js';
import { Nemesis } from '../nemesis/nemesis.js';
import { readEverything } from '../nemesis/observer.js';
import { RecordedClient } from '../nemesis/recorded-client.js';
import { Sender } from '../nemesis/sender.js';
import { SeededRandom } from '../nemesis/seeded-random.js';
import { WorkloadRun } from '../nemesis/workload-run.js';

/** A mutant may never come to rest; the checker says so. */
const SETTLE_MS = 25_000;
const LATEST = 50;

/** What a directed history is played with: one session of each of two tenants, a few people, and the nemesis. */
export class Scene {
  readonly run: WorkloadRun;
  readonly sender: Sender;
  readonly otherSender: Sender;
  readonly nemesis: Nemesis;

  private constructor(
    readonly faults: FaultsStack,
    readonly people: readonly string[],
    seed: number,
  ) {
    const random = new SeededRandom(seed);
    const [session, other] = faults.sessions;
    if (!session || !other) throw new Error('a scene needs two sessions');
    this.run = new WorkloadRun(faults, random, people, 0);
    this.sender = new Sender(this.run, session, random);
    this.otherSender = new Sender(this.run, other, random);
    this.nemesis = new Nemesis(this.run, random, () => undefined);
  }

  static async open(faults: FaultsStack, seed: number): Promise<Scene> {
    const people = Array.from({ length: 4 }, newPhone);
    for (const phone of people) {
      await faults.stack.simulated.post('/accounts', { phone, name: 'Person', persona: 'late-reader' });
    }
    return new Scene(faults, people, seed);
  }

  get session(): FaultsSession {
    return this.sender.session;
  }

  async fault(kind: string, fields: object): Promise<void> {
    if (kind === 'wrongHash') this.run.downloadsDamaged = true;
    const { phone } = this.session;
    const { status } = await this.faults.stack.simulated.post('/faults', { kind, phone, ...fields });
    if (status !== 201) throw new Error(`the simulator refused the fault ${kind}`);
  }

  /** Somebody writes to the session; gives WhatsApp's id. */
  async receive(body: string, file?: Buffer): Promise<string> {
    const media = file && { base64: file.toString('base64'), mimeType: 'image/png' };
    const answer = await this.faults.stack.simulated.post<{ id: string }>('/messages', {
      from: this.people[0],
      to: this.session.phone,
      type: media ? 'image' : 'text',
      body,
      ...(media ? { media } : {}),
    });
    if (answer.status !== 201) throw new Error('the simulator refused a message');
    return answer.body.id;
  }

  /** Until every message has an end, or for as long as a correct program needs for that. */
  async settled(): Promise<void> {
    const deadline = performance.now() + SETTLE_MS;
    await waitFor(
      async () => performance.now() > deadline || (await this.faults.database.openWork()).open === 0,
      { what: 'the messages to end', deadlineMs: SETTLE_MS * 2, pollMs: 200 },
    );
  }

  async connected(): Promise<void> {
    const { id } = this.session;
    await waitFor(
      async () => {
        const { body } = await this.sender.client.request('GET', `/sessions/${id}`, { kind: 'other' });
        return (Object(body) as { state?: string }).state === 'connected';
      },
      { what: 'the session to be connected', deadlineMs: 90_000, pollMs: 200 },
    );
  }

  async handedOver(count: number): Promise<void> {
    await waitFor(async () => (await this.sent()).length >= count, { what: 'the messages to leave' });
  }

  /** Until WhatsApp has said at least so much of the messages sent last, and the database knows it. */
  async acknowledged(ack: number, count: number): Promise<void> {
    const ids = new Set(this.sender.accepted.slice(-count));
    await waitFor(
      async () => {
        const { messages } = await this.faults.database.dump();
        return messages.every(({ id, ack: known }) => !ids.has(id) || (known ?? 0) >= ack);
      },
      { what: 'the acks', deadlineMs: 60_000, pollMs: 500 },
    );
  }

  /** Until a message that says this has come in. */
  async recorded(text: string): Promise<void> {
    await waitFor(
      async () => (await this.faults.database.dump()).messages.some((message) => message.text === text),
      { what: 'the message to come in', deadlineMs: 90_000, pollMs: 500 },
    );
  }

  async whileNodeIsAway(work: () => Promise<void>): Promise<void> {
    await this.faults.stack.node.kill();
    await work();
    await this.faults.stack.node.start();
    await this.connected();
  }

  lookAtAll(): Promise<void> {
    return readEverything(this.session.tenant);
  }

  /** WhatsApp says once more what it said long ago. */
  async ackAll(ack: number): Promise<void> {
    const { simulated } = this.faults.stack;
    for (const { id } of (await this.sent()).slice(-LATEST)) {
      await simulated.post(`/messages/${encodeURIComponent(id)}/ack`, { ack });
    }
  }

  /** A second key of the session's tenant. */
  async makeKey(): Promise<{ client: RecordedClient; keyId: string }> {
    const { body } = await this.sender.client.request(
      'POST',
      '/api-keys',
      { kind: 'other' },
      { name: 'to be revoked', mode: 'test', scopes: ['messages:read'] },
    );
    const { id = '', key = '' } = Object(body) as { id?: string; key?: string };
    const { log, stack } = this.faults;
    return { client: new RecordedClient(log, stack.baseUrl, this.session.tenant.id, id, key), keyId: id };
  }

  private async sent(): Promise<{ id: string }[]> {
    const { body } = await this.faults.stack.simulated.get<{ id: string }[]>(
      `/sent?from=${this.session.phone}&limit=100000`,
    );
    return body;
  }
}
