import { createHash } from 'node:crypto';
import type { SentRequest } from '../history/history.js';
import type { FaultsSession } from './faults-stack.js';
import type { RecordedAnswer } from './recorded-client.js';
import type { SeededRandom } from './seeded-random.js';
import type { WorkloadRun } from './workload-run.js';

/** Digits of a valid number that has no account. */
const NOBODY = '4915199999999';
const RETRY_MS = 300;

type Wish = Partial<Pick<SentRequest, 'to' | 'text' | 'priority' | 'expiresAtMs' | 'idempotencyKey'>>;

/** What one session's owner does all the time: send in every way, repeat, change their mind, look, pry. */
export class OutboundLoad {
  private readonly accepted: string[] = [];
  private readonly actions: { weight: number; act: () => Promise<unknown> }[];

  constructor(
    private readonly run: WorkloadRun,
    private readonly session: FaultsSession,
    private readonly random: SeededRandom,
  ) {
    this.actions = [
      { weight: 40, act: () => this.send({}) },
      { weight: 14, act: () => this.sendUntilAnswered({}) },
      { weight: 8, act: () => this.sendAtOnce() },
      { weight: 4, act: () => this.reuseKey() },
      { weight: 6, act: () => this.send({ priority: random.between(1, 9) }) },
      { weight: 7, act: () => this.send({ expiresAtMs: Date.now() + random.between(2, 20) * 1_000 }) },
      { weight: 7, act: () => this.sendAndCancel() },
      { weight: 5, act: () => this.sendFile() },
      { weight: 2, act: () => this.send({ to: NOBODY }) },
      { weight: 3, act: () => this.send({ text: ' ' }) },
      { weight: 3, act: () => this.look() },
      { weight: 3, act: () => this.pry() },
    ];
  }

  async work(): Promise<void> {
    while (!this.run.isOver) {
      await this.random.weighted(this.actions).act();
      await this.run.pause(this.random.between(0, this.run.paceMs));
    }
  }

  private wish({ to, text, priority = 0, expiresAtMs = null, idempotencyKey = null }: Wish): SentRequest {
    const ref = this.run.newRef(this.session);
    return {
      sessionId: this.session.id,
      ref,
      to: to ?? this.random.pick(this.run.people),
      text: text ?? `outbound ${ref}`,
      sha256: null,
      priority,
      expiresAtMs,
      idempotencyKey,
    };
  }

  private async post(sent: SentRequest): Promise<RecordedAnswer> {
    const { sessionId, to, text, priority, expiresAtMs, ref, idempotencyKey } = sent;
    const body = {
      session: sessionId,
      to,
      type: 'text',
      text,
      clientRef: ref,
      priority,
      ...(expiresAtMs === null ? {} : { expiresAt: new Date(expiresAtMs).toISOString() }),
    };
    const headers = idempotencyKey === null ? undefined : { 'idempotency-key': idempotencyKey };
    const answer = await this.client.request('POST', '/messages', { kind: 'send', sent }, body, headers);
    const [message] = answer.seen;
    if (message) this.accepted.push(message.id);
    return answer;
  }

  private send(wish: Wish): Promise<RecordedAnswer> {
    return this.post(this.wish(wish));
  }

  private keyed(): SentRequest {
    const sent = this.wish({});
    return { ...sent, idempotencyKey: `key-${sent.ref}` };
  }

  /** What a careful client does: the same request under the same key until there is an answer. */
  private async sendUntilAnswered(wish: Wish): Promise<void> {
    const sent = { ...this.wish(wish), idempotencyKey: `key-${this.run.newRef(this.session)}` };
    for (;;) {
      const { status } = await this.post(sent);
      const isFinal = status !== null && status < 500 && status !== 409;
      if (isFinal || this.run.isOver) break;
      await this.run.pause(RETRY_MS);
    }
    if (this.random.chance(0.3)) await this.post(sent);
  }

  /** The same request several times at the same moment. */
  private async sendAtOnce(): Promise<void> {
    const sent = this.keyed();
    await Promise.all(Array.from({ length: this.random.between(2, 5) }, () => this.post(sent)));
  }

  /** A key that was used, with another text. */
  private async reuseKey(): Promise<void> {
    const first = this.keyed();
    await this.post(first);
    await this.post({ ...this.wish({}), idempotencyKey: first.idempotencyKey });
  }

  private async sendAndCancel(): Promise<void> {
    const { seen } = await this.send({});
    const [message] = seen;
    if (!message) return;
    if (this.random.chance(0.3)) await this.run.pause(this.random.between(0, 30));
    const note = { kind: 'cancel' as const, target: message.id };
    await this.client.request('POST', `/messages/${message.id}/cancel`, note, {});
  }

  private async sendFile(): Promise<void> {
    const bytes = Buffer.alloc(this.random.between(1_000, 200_000), this.random.between(0, 255));
    const ref = this.run.newRef(this.session);
    bytes.write(ref);
    const to = this.random.pick(this.run.people);
    const uploaded = await this.upload(bytes, ref);
    if (uploaded === undefined) return;
    const sent: SentRequest = {
      ...this.wish({ to, text: `file ${ref}` }),
      sha256: createHash('sha256').update(bytes).digest('hex'),
    };
    const body = {
      session: sent.sessionId,
      to,
      type: 'document',
      caption: sent.text,
      clientRef: sent.ref,
      media: { mediaId: uploaded },
    };
    const { seen } = await this.client.request('POST', '/messages', { kind: 'send', sent }, body);
    if (seen[0]) this.accepted.push(seen[0].id);
  }

  private async upload(bytes: Buffer, name: string): Promise<string | undefined> {
    const form = new FormData();
    form.set('file', new Blob([new Uint8Array(bytes)]), `${name}.bin`);
    const { status, body } = await this.client.request('POST', '/media', { kind: 'other' }, form);
    const { id } = Object(body) as { id?: string };
    return status === 201 ? id : undefined;
  }

  private async look(): Promise<void> {
    const id = this.accepted[this.random.between(0, Math.max(0, this.accepted.length - 1))];
    if (id === undefined) return;
    await this.client.request('GET', `/messages/${id}`, { kind: 'get', target: id });
  }

  /** Another tenant asks for what is this one's. */
  private async pry(): Promise<void> {
    const other = this.run.otherTenant(this.session.tenant);
    const id = this.accepted.at(-1);
    if (!other || id === undefined) return;
    await other.client.request('GET', `/messages/${id}`, { kind: 'probe', target: id });
    await other.client.request('POST', `/messages/${id}/cancel`, { kind: 'probe', target: id }, {});
  }

  private get client() {
    return this.session.tenant.client;
  }
}
