import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import type { AuthContext } from '../auth/index.js';
import { ChatLookup } from '../chats/index.js';
import { PersonReference } from '../identities/index.js';
import { LOGGER, readPage, toPage, type ApiRequest, type Page } from '../http/index.js';
import { IdempotentAnswer, idempotentRequestOf, type IdempotentRequest } from '../idempotency/index.js';
import {
  announcedBytes,
  kindOfMimeType,
  MediaDownload,
  MediaIntake,
  MediaRedownload,
  readForm,
  type FormFile,
  type MediaRecord,
} from '../media/index.js';
import { SessionLookup } from '../sessions/index.js';
import { MessageEtas } from './message-etas.js';
import { isByTime } from './message-list.js';
import { kindOfType } from './message-media.js';
import { MessagePreview } from './message-preview.js';
import { MessageRepository } from './message-repository.js';
import { toMessageResource, type MessageResource } from './message-resource.js';
import { MessageSender } from './message-sender.js';
import { MessageWaiter, type WaitFor } from './message-waiter.js';
import type { ChatMessagesQuery, DryRun, MessageListQuery } from './messages.dto.js';
import { parseRecipient } from './recipient.js';
import { MessageSearch } from './search/message-search.js';
import {
  sendMediaFieldsSchema,
  sendMediaSchema,
  sendMessageSchema,
  type SendMediaRequest,
  type SendMessageRequest,
  type SendOptions,
  type SendTextRequest,
} from './send-request.js';
import type { StoredMessage } from './stored-message.js';

const MESSAGE_ID = /^msg_[0-9a-z]{26}$/;
const TIME = /^\d{4}-\d\d-\d\dT[\d:.]{8,12}Z$/;
type AcceptAnswer = IdempotentAnswer<MessageResource>;
type SendAnswer = IdempotentAnswer<MessageResource | DryRun>;

/** What tenants do with messages. */
@Injectable()
export class MessagesService {
  constructor(
    private readonly sender: MessageSender,
    private readonly preview: MessagePreview,
    private readonly waiter: MessageWaiter,
    private readonly messages: MessageRepository,
    private readonly search: MessageSearch,
    private readonly etas: MessageEtas,
    private readonly sessions: SessionLookup,
    private readonly chats: ChatLookup,
    private readonly people: PersonReference,
    private readonly intake: MediaIntake,
    private readonly download: MediaDownload,
    private readonly redownload: MediaRedownload,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async send(
    auth: AuthContext,
    request: SendMessageRequest,
    query: SendOptions,
    idempotency?: IdempotentRequest,
    file?: MediaRecord,
  ): Promise<SendAnswer> {
    if (query.dryRun) return new IdempotentAnswer(200, await this.preview.preview(auth, request));
    const answer = await this.sender.send(auth, request, idempotency, file);
    return query.wait ? this.held(auth, answer, query.wait, query.hungUp) : answer;
  }

  /** What is accepted stays accepted: a look that fails must not read as if nothing had been taken. */
  private async held(
    auth: AuthContext,
    answer: AcceptAnswer,
    target: WaitFor,
    hungUp: AbortSignal | undefined,
  ): Promise<AcceptAnswer> {
    const { id } = answer.body;
    try {
      const { message, isDone } = await this.waiter.wait(auth, id, target, hungUp);
      return new IdempotentAnswer(isDone ? 200 : 202, await this.resourceOf(message), answer.replayed);
    } catch (error) {
      this.logger.warn({ err: error, messageId: id }, 'an accepted message could not be waited for');
      return answer;
    }
  }

  sendText(
    auth: AuthContext,
    { session, to, recipient, message }: SendTextRequest,
    query: SendOptions,
    idempotency?: IdempotentRequest,
  ): Promise<SendAnswer> {
    const request = sendMessageSchema.parse({ session, to: to ?? recipient, type: 'text', text: message });
    return this.send(auth, request, query, idempotency);
  }

  /** A form with a file, or JSON with a url. */
  async sendMedia(auth: AuthContext, request: ApiRequest, query: SendOptions): Promise<SendAnswer> {
    if (request.isMultipart()) return this.sendForm(auth, request, query);
    const { url, type, ...body } = sendMediaSchema.parse(request.body ?? {});
    const idempotency = idempotentRequestOf(request);
    const message = toSendRequest(body, type ?? 'document', { url });
    if (type !== undefined || query.dryRun) return this.send(auth, message, query, idempotency);
    return this.sendUrl(auth, message, url, query, idempotency);
  }

  async get(auth: AuthContext, id: string): Promise<MessageResource> {
    return this.resourceOf(await this.messages.get(auth, id));
  }

  async list(auth: AuthContext, query: MessageListQuery): Promise<Page<MessageResource>> {
    const isTimed = isByTime(query);
    const { limit, after } = readPage('messages', query, isTimed ? [MESSAGE_ID, TIME] : [MESSAGE_ID]);
    const session =
      query.session === undefined ? undefined : await this.sessions.resolve(auth, query.session);
    const chat = query.chat === undefined ? undefined : await this.chatOf(auth, query.chat, session?.id);
    const author =
      query.author === undefined ? undefined : await this.personOf(auth, query.author, session?.id);
    const filter = {
      sessionId: session?.id ?? chat?.sessionId,
      chatIds: chat?.ids,
      authorIds: author,
      direction: query.direction,
      status: query.status,
      type: query.type,
      from: query.from,
      to: query.to,
    };
    const position = after && {
      id: after[0] ?? '',
      occurredAt: isTimed ? new Date(after[1] ?? '') : undefined,
    };
    const range = { limit: limit + 1, after: position };
    const rows =
      query.search === undefined
        ? await this.messages.list(auth, filter, range)
        : await this.messages.listByIds(auth, await this.search.find(auth, query.search, filter, range));
    const keyOf = ({ id, occurredAt }: StoredMessage) => (isTimed ? [id, occurredAt.toISOString()] : [id]);
    return toPage('messages', query, await this.etas.fill(rows), keyOf, toMessageResource);
  }

  async cancel(auth: AuthContext, id: string): Promise<MessageResource> {
    return toMessageResource(await this.messages.cancel(auth, id));
  }

  /** Fetches the file of a message from WhatsApp again. */
  async downloadAgain(auth: AuthContext, id: string): Promise<MessageResource> {
    await this.messages.get(auth, id);
    await this.redownload.request(auth.tenantId, id);
    return this.get(auth, id);
  }

  private async sendForm(auth: AuthContext, request: ApiRequest, query: SendOptions): Promise<SendAnswer> {
    const take = ({ stream, filename, mimeType }: FormFile, early: Record<string, string>) => {
      const type = sendMediaFieldsSchema.safeParse(early).data?.type;
      const kind = type && kindOfType(type);
      return this.intake.take(auth.tenantId, stream, {
        source: 'upload',
        declared: mimeType,
        filename,
        kind,
        expected: announcedBytes(request),
      });
    };
    const undo = (media: MediaRecord) => this.intake.discard(media);
    const { fields, file } = await readForm(request, sendMediaFieldsSchema, take, undo);
    return this.keepIfAccepted(file, () => {
      const idempotency = idempotentRequestOf(request, { fields, file: file.sha256 });
      const type = fields.type ?? kindOfMimeType(file.mimeType);
      const message = toSendRequest(fields, type, { mediaId: file.id });
      return this.send(auth, message, query, idempotency, file);
    });
  }

  /** Without a type the file decides, so it is fetched first; but not for a request that fails without it. */
  private async sendUrl(
    auth: AuthContext,
    message: SendMessageRequest,
    url: string,
    query: SendOptions,
    idempotency: IdempotentRequest | undefined,
  ): Promise<SendAnswer> {
    await this.sender.check(auth, message);
    const earlier = await this.sender.findEarlier(auth, idempotency);
    if (earlier) return query.wait ? this.held(auth, earlier, query.wait, query.hungUp) : earlier;
    const { filename } = message;
    const file = await this.download.fetch(auth.tenantId, { url, filename }, 'url');
    return this.keepIfAccepted(file, () => {
      const typed = sendMessageSchema.parse({ ...message, type: kindOfMimeType(file.mimeType) });
      return this.send(auth, typed, query, idempotency, file);
    });
  }

  /** Takes the file of a request back unless a new message holds it. */
  private async keepIfAccepted(file: MediaRecord, send: () => Promise<SendAnswer>): Promise<SendAnswer> {
    try {
      const answer = await send();
      if (answer.replayed || 'dryRun' in answer.body) await this.intake.discard(file);
      return answer;
    } catch (error) {
      await this.intake.discard(file);
      throw error;
    }
  }

  /** Messages of a chat; the chat may be named as in `GET /chats/{id}`. */
  async listOfChat(
    auth: AuthContext,
    reference: string,
    { session, ...page }: ChatMessagesQuery,
  ): Promise<Page<MessageResource>> {
    const chat = await this.chats.get(auth, reference, session);
    return this.list(auth, { ...page, session: chat.sessionId, chat: chat.id });
  }

  private async resourceOf(message: StoredMessage): Promise<MessageResource> {
    const [filled = message] = await this.etas.fill([message]);
    return toMessageResource(filled);
  }

  private async chatOf(
    auth: AuthContext,
    chat: string,
    session: string | undefined,
  ): Promise<{ ids: string[]; sessionId?: string }> {
    if (!chat.startsWith('cht_')) return { ids: await this.personOf(auth, chat, session, 'chat') };
    const { waId, sessionId } = await this.chats.get(auth, chat);
    return { ids: [waId], sessionId };
  }

  /** @throws AppError `invalid_recipient` */
  private async personOf(
    { tenantId }: AuthContext,
    reference: string,
    session: string | undefined,
    path = 'author',
  ): Promise<string[]> {
    const forms = await this.people.formsOf(tenantId, reference, session);
    return forms ?? [parseRecipient(reference, path).chatId];
  }
}

function toSendRequest(
  { session, to, recipient, caption, filename }: Omit<SendMediaRequest, 'url' | 'type'>,
  type: SendMessageRequest['type'],
  media: { url: string } | { mediaId: string },
): SendMessageRequest {
  return sendMessageSchema.parse({ session, to: to ?? recipient, type, media, caption, filename });
}
