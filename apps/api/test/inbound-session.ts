import { expect } from 'vitest';
import type { NodeFact } from '#contracts';
import type { TestTenant } from '../../../test/support/start-api.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { allMessages, eventsOf } from './inbound.js';
import type { Messaging } from './messaging.js';
import type { SessionBody } from './session-bodies.js';

/** A connected session of a tenant of its own: what its node reports, and what comes of it. */
export class InboundSession {
  private constructor(
    private readonly messaging: Messaging,
    readonly tenant: TestTenant,
    readonly session: SessionBody,
  ) {}

  static async connect(messaging: Messaging): Promise<InboundSession> {
    const { tenant, session } = await messaging.connect();
    return new InboundSession(messaging, tenant, session);
  }

  report(...facts: NodeFact[]): Promise<string[]> {
    return this.messaging.report(this.session.id, ...facts);
  }

  /** The tenant's events whose type begins so, in order. */
  told(prefix = 'message.'): ReturnType<typeof eventsOf> {
    return eventsOf(this.messaging.api, this.tenant.tenantId, prefix);
  }

  messages(): Promise<MessageResource[]> {
    return allMessages(this.tenant, '/messages');
  }

  /** The tenant's only message. */
  async only(): Promise<MessageResource> {
    const [message, ...others] = await this.messages();
    expect(others).toEqual([]);
    if (!message) throw new Error('there is no message');
    return message;
  }
}
