import { Injectable } from '@nestjs/common';
import { Database } from '#database';
import { isAppError } from '#kernel';
import type { AuthContext } from '../auth/index.js';
import { CheckPacer } from '../contacts/index.js';
import { NodeClient, type StoredSession } from '../nodes/index.js';
import { EtaService, promiseOf } from '../pacing/index.js';
import { addressOf, pausedOf } from '../sessions/index.js';
import { refusal } from './accept/refusal.js';
import { MessageRepository } from './message-repository.js';
import { MessageSender } from './message-sender.js';
import type { DryRun } from './messages.dto.js';
import type { Recipient } from './recipient.js';
import type { SendMessageRequest } from './send-request.js';

const CHECK_TIMEOUT_MS = 15_000;

const QUOTA = {
  name: 'message_quota',
  text: `SELECT CASE WHEN t.daily_message_limit IS NOT NULL THEN greatest(0, t.daily_message_limit - u.tenant) END::int AS "tenantRemaining",
      CASE WHEN coalesce(s.daily_message_limit, t.session_daily_message_limit) IS NOT NULL THEN greatest(0,
        coalesce(s.daily_message_limit, t.session_daily_message_limit) - u.session) END::int AS "sessionRemaining"
    FROM tenants t JOIN sessions s ON s.tenant_id = t.id AND s.id = $2
    CROSS JOIN LATERAL (SELECT coalesce(sum(accepted) FILTER (WHERE session_id = ''), 0) AS tenant,
        coalesce(sum(accepted) FILTER (WHERE session_id = $2), 0) AS session
      FROM usage_daily WHERE tenant_id = $1 AND day = (now() AT TIME ZONE 'utc')::date) u
    WHERE t.id = $1`,
};

/** Says what would become of a message, and sends nothing. */
@Injectable()
export class MessagePreview {
  constructor(
    private readonly sender: MessageSender,
    private readonly messages: MessageRepository,
    private readonly database: Database,
    private readonly nodes: NodeClient,
    private readonly pacer: CheckPacer,
    private readonly etas: EtaService,
  ) {}

  /** @throws what `MessageSender.send` throws before it accepts; files are not fetched */
  async preview(auth: AuthContext, request: SendMessageRequest): Promise<DryRun> {
    const { session, recipient, expiresAt } = await this.sender.check(auth, request);
    await this.sender.checkMedia(auth, request);
    const [quota] = await this.database.tenantSql(auth.tenantId, (query) =>
      query<DryRun['quota']>(QUOTA, [auth.tenantId, session.id]),
    );
    await this.assertNotOptedOut(session, recipient);
    const newcomer = { chatId: recipient.chatId, priority: request.priority };
    const promised = promiseOf(await this.etas.ofNewcomer(session, newcomer), session, expiresAt);
    return {
      dryRun: true,
      session: { id: session.id, name: session.name, state: session.state, paused: pausedOf(session) },
      to: { id: recipient.chatId, kind: recipient.kind, phone: recipient.phone },
      onWhatsApp: await this.isOnWhatsApp(session, recipient),
      quota: quota ?? { tenantRemaining: null, sessionRemaining: null },
      queued: await this.messages.queuedCount(auth.tenantId, session.id),
      eta: promised.eta?.toISOString() ?? null,
      expiresFirst: promised.expiresFirst,
    };
  }

  private async assertNotOptedOut(
    { tenantId, id, mode }: StoredSession,
    { chatId }: Recipient,
  ): Promise<void> {
    const [row] = await this.database.tenantSql(tenantId, (query) =>
      query<{ isOut: boolean }>('SELECT wagate_is_opted_out($1, $2, $3, $4) AS "isOut"', [
        tenantId,
        id,
        mode,
        chatId,
      ]),
    );
    if (row?.isOut) throw refusal('opted_out');
  }

  private async isOnWhatsApp(session: StoredSession, { phone }: Recipient): Promise<boolean | null> {
    if (phone === null || session.state !== 'connected' || session.nodeName === null) return null;
    if (!this.pacer.takeOne(session.id)) return null;
    try {
      const { results } = await this.nodes.call(
        { nodeName: session.nodeName },
        'number.check',
        { ...addressOf(session), phones: [phone] },
        { timeoutMs: CHECK_TIMEOUT_MS },
      );
      return results[0]?.exists ?? null;
    } catch (error) {
      if (isAppError(error)) return null;
      throw error;
    }
  }
}
