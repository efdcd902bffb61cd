import type {
  AttemptRecord,
  ClientRequest,
  HandOver,
  History,
  MessageRecord,
  SentRequest,
} from './history.js';

export interface AcceptedSend {
  request: ClientRequest;
  sent: SentRequest;
  messageId: string;
}

/** A history with what the invariants look up again and again. */
export class HistoryIndex {
  readonly messageById: ReadonlyMap<string, MessageRecord>;
  readonly attemptsOf: ReadonlyMap<string, AttemptRecord[]>;
  readonly phoneOf: ReadonlyMap<string, string>;
  readonly sessionOfPhone: ReadonlyMap<string, string>;
  /** Hand-overs by the sender's phone and WhatsApp's id. */
  private readonly handOverByKey: ReadonlyMap<string, HandOver[]>;
  /** Sends that were answered 200, 201 or 202, in the order of their answers. */
  readonly accepted: readonly AcceptedSend[];
  readonly sentByRef: ReadonlyMap<string, SentRequest>;
  /** Messages of ours, by the wish that they carry. */
  readonly messagesByRef: ReadonlyMap<string, MessageRecord[]>;

  constructor(readonly history: History) {
    this.messageById = new Map(history.messages.map((message) => [message.id, message]));
    this.attemptsOf = groupBy(history.attempts, (attempt) => attempt.messageId);
    this.phoneOf = new Map(history.sessions.map(({ id, phone }) => [id, phone]));
    this.sessionOfPhone = new Map(history.sessions.map(({ id, phone }) => [phone, id]));
    this.handOverByKey = groupBy(history.handOvers, (one) => `${one.from} ${one.waMessageId}`);
    this.accepted = history.client
      .flatMap(acceptedOf)
      .sort((a, b) => a.request.endedAtMs - b.request.endedAtMs);
    this.sentByRef = new Map(history.client.flatMap(({ sent }) => (sent ? [[sent.ref, sent] as const] : [])));
    this.messagesByRef = groupBy(
      history.messages.filter(({ clientRef }) => clientRef !== null),
      (message) => message.clientRef ?? '',
    );
  }

  /** What WhatsApp was handed of a message, under any id that it was tried with. */
  handOversOf(message: MessageRecord): HandOver[] {
    const phone = this.phoneOf.get(message.sessionId) ?? '';
    const ids = new Set((this.attemptsOf.get(message.id) ?? []).map(({ waMessageId }) => waMessageId));
    if (message.waMessageId !== null) ids.add(message.waMessageId);
    return [...ids].flatMap((id) => this.handOverByKey.get(`${phone} ${id}`) ?? []);
  }

  /** Sent messages that came through the API. */
  outbound(): MessageRecord[] {
    return this.history.messages.filter(({ origin }) => origin === 'api');
  }
}

export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

function acceptedOf(request: ClientRequest): AcceptedSend[] {
  const { kind, status, sent, seen } = request;
  const [message] = seen;
  const isAccepted = kind === 'send' && status !== null && status >= 200 && status < 300;
  return isAccepted && sent && message ? [{ request, sent, messageId: message.id }] : [];
}
