import { Inject, Injectable } from '@nestjs/common';
import { newId, AppError, isAppError } from '#kernel';
import type { MessageContent } from '#contracts';
import type { AuthContext } from '../auth/index.js';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { IdempotentAnswer, type IdempotentRequest } from '../idempotency/index.js';
import { IdentityRepository } from '../identities/index.js';
import type { MediaRecord } from '../media/index.js';
import type { StoredSession } from '../nodes/index.js';
import { EtaService, promiseOf, type Promised } from '../pacing/index.js';
import { SessionLookup } from '../sessions/index.js';
import { AcceptQueue } from './accept/accept-queue.js';
import type { MessageDraft } from './accept/message-draft.js';
import { refusal } from './accept/refusal.js';
import { SessionMemory } from './accept/session-memory.js';
import { MessageMedia } from './message-media.js';
import { MessageRepository, type QuotableMessage } from './message-repository.js';
import { toMessageResource, type MessageResource } from './message-resource.js';
import { parseRecipient, type Recipient } from './recipient.js';
import type { SendMessageRequest } from './send-request.js';
import { StoredAnswers } from './stored-answers.js';
import type { StoredMessage } from './stored-message.js';

const LONGEST_WAIT_DAYS = 30;
const DAY_MS = 86_400_000;

/** A request that was checked against everything that can be known before it is accepted. */
export interface CheckedMessage {
  session: StoredSession;
  recipient: Recipient;
  quoted: QuotableMessage | null;
  expiresAt: Date;
}

/** Checks messages and accepts them into the queue of their session. */
@Injectable()
export class MessageSender {
  constructor(
    private readonly sessions: SessionMemory,
    private readonly lookup: SessionLookup,
    private readonly messages: MessageRepository,
    private readonly media: MessageMedia,
    private readonly answers: StoredAnswers,
    private readonly queue: AcceptQueue,
    private readonly etas: EtaService,
    private readonly identities: IdentityRepository,
    @Inject(API_CONFIG) private readonly config: Pick<ApiConfig, 'MESSAGE_TTL_SECONDS'>,
  ) {}

  /**
   * Accepts a message durably: 202 with it, or the answer that its Idempotency-Key already got.
   * @param file the file to send, where the caller has stored it already
   * @throws AppError `invalid_recipient`, `not_found`, `session_required`, `session_not_connected`,
   *   `quoted_not_found`, the codes of media, and those of AcceptQueue
   */
  async send(
    auth: AuthContext,
    request: SendMessageRequest,
    idempotency?: IdempotentRequest,
    file?: MediaRecord,
  ): Promise<IdempotentAnswer<MessageResource>> {
    const checked = this.check(auth, request);
    // Text needs nothing more than what is remembered, so it does not even wait for a promise to resolve.
    const known = checked instanceof Promise ? await checked : checked;
    if (request.type === 'text') return this.accept(auth, request, known, null, idempotency);
    const earlier = await this.findEarlier(auth, idempotency);
    if (earlier) return earlier;
    return this.media.use(auth, request, file, (media) =>
      this.accept(auth, request, known, media, idempotency),
    );
  }

  /** The answer that a request got before, ahead of work that costs something. @throws AppError `idempotency_key_reused` */
  async findEarlier(auth: AuthContext, idempotency?: IdempotentRequest) {
    return idempotency && this.answers.find<MessageResource>(auth.tenantId, idempotency);
  }

  /** All checks of a request that change nothing and need no file. */
  check(auth: AuthContext, request: SendMessageRequest): CheckedMessage | Promise<CheckedMessage> {
    const recipient = parseRecipient(request.to);
    const expiresAt = this.expiryOf(request);
    const session = this.sessions.resolve(auth, request.session);
    if (session instanceof Promise || request.quoted !== undefined || recipient.chatId.endsWith('@lid')) {
      return this.checkSlowly(auth, request, recipient, expiresAt, session);
    }
    this.lookup.requireSendable(session);
    return { session, recipient, quoted: null, expiresAt };
  }

  /** Checks the file of a request as far as that goes without fetching it. */
  async checkMedia(auth: AuthContext, request: SendMessageRequest): Promise<void> {
    if (request.type !== 'text') await this.media.check(auth, request);
  }

  private async checkSlowly(
    auth: AuthContext,
    request: SendMessageRequest,
    given: Recipient,
    expiresAt: Date,
    resolving: StoredSession | Promise<StoredSession>,
  ): Promise<CheckedMessage> {
    const session = await resolving;
    this.lookup.requireSendable(session);
    const [form = given.chatId] = await this.identities.formsOf(auth.tenantId, given.chatId, session.id);
    const recipient = form === given.chatId ? given : parseRecipient(form);
    const quoted = request.quoted
      ? await this.quotedBy(auth.tenantId, request.quoted, session, recipient)
      : null;
    return { session, recipient, quoted, expiresAt };
  }

  private async quotedBy(
    tenantId: string,
    id: string,
    session: StoredSession,
    { chatId }: Recipient,
  ): Promise<QuotableMessage> {
    const quoted = await this.messages.findQuotable(tenantId, id);
    if (quoted?.sessionId === session.id && (await this.messages.isSameChat(quoted, chatId, tenantId)))
      return quoted;
    throw new AppError('quoted_not_found', 'the quoted message is not in this chat, or has not left yet', {
      details: [
        { path: 'quoted', message: 'must be a sent or received message of the same session and chat' },
      ],
      outcome: 'not_sent',
    });
  }

  private expiryOf({ expiresAt }: SendMessageRequest): Date {
    const now = Date.now();
    if (expiresAt === undefined) return new Date(now + this.config.MESSAGE_TTL_SECONDS * 1_000);
    const at = new Date(expiresAt);
    if (at.getTime() > now && at.getTime() <= now + LONGEST_WAIT_DAYS * DAY_MS) return at;
    const message = `must be in the future, at most ${String(LONGEST_WAIT_DAYS)} days from now`;
    throw new AppError('invalid_request', `expiresAt ${message}`, {
      details: [{ path: 'expiresAt', message }],
    });
  }

  private async accept(
    auth: AuthContext,
    request: SendMessageRequest,
    checked: CheckedMessage,
    media: MediaRecord | null,
    idempotency?: IdempotentRequest,
  ): Promise<IdempotentAnswer<MessageResource>> {
    const draft = draftOf(auth.tenantId, request, checked, media);
    const { session } = checked;
    const eta = this.etas.isPaced(session) ? await this.etas.ofAccepted(session, draft) : null;
    const promised = promiseOf({ eta, isByStrangersCap: false }, session, draft.expiresAt);
    const resource = resourceOf(draft, checked, media, promised);
    if (idempotency) draft.idempotency = { ...idempotency, answer: JSON.stringify(resource) };
    const acceptance = await this.queue.accept(draft).catch(async (error: unknown) => {
      if (!isAppError(error) || error.code !== 'idempotency_key_reused') throw error;
      // It may be the same request, stored by a version that hashed it in another way.
      return this.findEarlier(auth, idempotency);
    });
    if (!acceptance) throw refusal('in_progress');
    if (acceptance instanceof IdempotentAnswer) return acceptance;
    if (acceptance.outcome === 'accepted')
      return new IdempotentAnswer(202, resource, false, draft.idempotency?.answer);
    return new IdempotentAnswer(
      202,
      JSON.parse(acceptance.answer) as MessageResource,
      true,
      acceptance.answer,
    );
  }
}

function draftOf(
  tenantId: string,
  request: SendMessageRequest,
  { session, recipient, quoted, expiresAt }: CheckedMessage,
  media: MediaRecord | null,
): MessageDraft {
  return {
    id: newId('msg'),
    tenantId,
    sessionId: session.id,
    chatId: recipient.chatId,
    content: contentOf(request, media),
    mediaId: media?.id ?? null,
    quotedMessageId: quoted?.id ?? null,
    quotedWaMessageId: quoted?.waMessageId ?? null,
    clientRef: request.clientRef ?? null,
    metadata: request.metadata ?? null,
    linkPreview: request.linkPreview,
    typing: request.typing ?? null,
    priority: request.priority,
    createdAt: new Date(),
    expiresAt,
    idempotency: null,
  };
}

function contentOf(request: SendMessageRequest, media: MediaRecord | null): MessageContent {
  if (request.type === 'text' || !media) return { type: 'text', text: request.text ?? '' };
  const { mimeType, size, sha256 } = media;
  const filename = request.filename ?? media.filename;
  return {
    type: request.type,
    caption: request.caption ?? null,
    media: { mimeType, filename, size, sha256 },
  };
}

/**
 * The message as it will be read back, made before it is written: its answer is stored along with it. Field by field,
 * because copying the draft by spread is what cost most of a whole request.
 */
function resourceOf(
  draft: MessageDraft,
  { session, recipient }: CheckedMessage,
  media: MediaRecord | null,
  { eta, expiresFirst }: Promised,
): MessageResource {
  const own = { id: session.waId, phone: session.phone, lid: session.lid, name: session.profileName };
  const message: StoredMessage = {
    id: draft.id,
    tenantId: draft.tenantId,
    sessionId: draft.sessionId,
    sessionName: session.name,
    direction: 'out',
    origin: 'api',
    chatId: draft.chatId,
    chat: { kind: recipient.kind, name: null, phone: recipient.phone, lid: null },
    author: own,
    own,
    content: draft.content,
    media,
    status: 'queued',
    ack: null,
    errorCode: null,
    errorDetail: null,
    waMessageId: null,
    quotedMessageId: draft.quotedMessageId,
    quotedWaMessageId: draft.quotedWaMessageId,
    clientRef: draft.clientRef,
    metadata: draft.metadata,
    attempts: 0,
    priority: draft.priority,
    createdAt: draft.createdAt,
    occurredAt: draft.createdAt,
    expiresAt: draft.expiresAt,
    sentAt: null,
    deliveredAt: null,
    readAt: null,
    editedAt: null,
    versions: null,
    revokedAt: null,
    reactions: null,
    eta,
    expiresFirst,
  };
  return toMessageResource(message);
}
