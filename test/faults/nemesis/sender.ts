import { createHash } from 'node:crypto';
import type { SentRequest } from '../history/history.js';
import type { FaultsSession } from './faults-stack.js';
import type { RecordedAnswer } from './recorded-client.js';
import type { SeededRandom } from './seeded-random.js';
import type { WorkloadRun } from './workload-run.js';

export type Wish = Partial<Pick<SentRequest, 'to' | 'text' | 'priority' | 'expiresAtMs' | 'idempotencyKey'>>;

/** Sends from one session, each message with words of its own. */
export class Sender {
  /** Ids of what was accepted. */
  readonly accepted: string[] = [];

  constructor(
    private readonly run: WorkloadRun,
    readonly session: FaultsSession,
    private readonly random: SeededRandom,
  ) {}

  wish({ to, text, priority = 0, expiresAtMs = null, idempotencyKey = null }: Wish): SentRequest {
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

  /** One request for a wish; the same wish again is the same request. */
  async post(sent: SentRequest): Promise<RecordedAnswer> {
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

  send(wish: Wish): Promise<RecordedAnswer> {
    return this.post(this.wish(wish));
  }

  /** A wish with a key of its own. */
  keyed(): SentRequest {
    const sent = this.wish({});
    return { ...sent, idempotencyKey: `key-${sent.ref}` };
  }

  /** Sends and cancels right away, or a moment later. */
  async sendAndCancel(afterMs = 0): Promise<void> {
    const { seen } = await this.send({});
    const [message] = seen;
    if (!message) return;
    if (afterMs > 0) await this.run.pause(afterMs);
    const note = { kind: 'cancel' as const, target: message.id };
    await this.client.request('POST', `/messages/${message.id}/cancel`, note, {});
  }

  async sendFile(): Promise<void> {
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

  get client() {
    return this.session.tenant.client;
  }
}
