import { expect } from 'vitest';
import type { NodeRequest } from '#contracts';
import type { TestTenant } from '../../../test/support/start-api.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import type { SessionView } from '../src/sessions/index.js';
import { eventsOf } from './inbound.js';
import { ALEX, handed, type Messaging } from './messaging.js';
import type { SessionBody } from './session-bodies.js';

/** A connected session of a tenant of its own, and what its node was asked to send. */
export class SendingSession {
  readonly calls: { messageId: string; chatId: string; atMs: number }[] = [];

  private constructor(
    private readonly messaging: Messaging,
    readonly tenant: TestTenant,
    readonly session: SessionBody,
  ) {}

  /** The node hands over at once, until a test tells it otherwise. */
  static async connect(messaging: Messaging): Promise<SendingSession> {
    const { tenant, session } = await messaging.connect();
    const sending = new SendingSession(messaging, tenant, session);
    messaging.node.scripts['message.send'] = (request) => {
      sending.note(request);
      return handed(request, 1);
    };
    return sending;
  }

  note({ messageId, chatId }: NodeRequest<'message.send'>): void {
    this.calls.push({ messageId, chatId, atMs: Date.now() });
  }

  /** Milliseconds between each hand-over and the one before. */
  gaps(): number[] {
    return this.calls.slice(1).map(({ atMs }, index) => atMs - (this.calls[index]?.atMs ?? 0));
  }

  async setPacing(pacing: object | null): Promise<void> {
    const { status } = await this.tenant.client.request('PATCH', `/sessions/${this.session.id}`, { pacing });
    expect(status).toBe(200);
  }

  async send(to = ALEX, changes: object = {}): Promise<MessageResource> {
    const body = { session: this.session.id, to, type: 'text', text: 'Hi', ...changes };
    const answer = await this.tenant.client.post<MessageResource>('/messages', body);
    expect(answer.status).toBe(202);
    return answer.body;
  }

  async sendMany(count: number, to = ALEX): Promise<string[]> {
    const ids: string[] = [];
    for (let i = 0; i < count; i += 1) ids.push((await this.send(to)).id);
    return ids;
  }

  async get(id: string): Promise<MessageResource> {
    return (await this.tenant.client.get<MessageResource>(`/messages/${id}`)).body;
  }

  async show(): Promise<SessionView> {
    return (await this.tenant.client.get<SessionView>(`/sessions/${this.session.id}`)).body;
  }

  /** The tenant's events of a type, in order. */
  async events(type: string): Promise<Record<string, unknown>[]> {
    const events = await eventsOf(this.messaging.api, this.tenant.tenantId, type);
    return events.map(({ data }) => data);
  }
}
