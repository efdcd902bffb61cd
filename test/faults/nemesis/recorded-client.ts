import type { ClientRequest, SeenMessage, SentRequest } from '../history/history.js';

export interface RecordedAnswer {
  /** null: the connection ended without an answer. */
  status: number | null;
  body: unknown;
  text: string;
  seen: SeenMessage[];
}

interface Note {
  kind: ClientRequest['kind'];
  sent?: SentRequest;
  target?: string;
}

const REQUEST_TIMEOUT_MS = 45_000;
const ID = /\b(?:msg|ses|med|cht|con|evt|tnt)_[0-9a-z]{26}\b/g;

/** What all clients of a run asked and were answered. */
export class ClientLog {
  readonly requests: ClientRequest[] = [];
}

/** One key of a tenant; writes every request down. Never throws for an answer, nor for the lack of one. */
export class RecordedClient {
  /** Ids that this client was shown before: they are noted once. */
  private readonly shown = new Set<string>();
  /** A message is noted again only when it looks different. */
  private readonly looks = new Map<string, string>();

  constructor(
    private readonly log: ClientLog,
    private readonly baseUrl: string,
    readonly tenantId: string,
    readonly keyId: string,
    private readonly key: string,
  ) {}

  async request(
    method: string,
    path: string,
    note: Note,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<RecordedAnswer> {
    const isForm = body instanceof FormData;
    const startedAtMs = Date.now();
    const answer = await this.ask(`${this.baseUrl}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.key}`,
        ...(body && !isForm ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
      ...(body ? { body: isForm ? body : JSON.stringify(body) } : {}),
    });
    this.log.requests.push({
      ...note,
      number: this.log.requests.length,
      tenantId: this.tenantId,
      keyId: this.keyId,
      startedAtMs,
      endedAtMs: Date.now(),
      status: answer.status,
      ...outcomeIn(answer.body),
      seen: note.kind === 'send' ? answer.seen : answer.seen.filter((one) => this.looksNew(one)),
      ids: this.newIds(answer.text),
    });
    return answer;
  }

  /** Bytes, without a note; undefined when they are not given. */
  async download(path: string): Promise<Buffer | undefined> {
    const response = await fetch(`${this.baseUrl}/api/v1${path}`, {
      headers: { authorization: `Bearer ${this.key}` },
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    return response.ok ? Buffer.from(await response.arrayBuffer()) : undefined;
  }

  private async ask(url: string, init: RequestInit): Promise<RecordedAnswer> {
    try {
      const response = await fetch(url, { ...init, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.includes('json') ?? false;
      const body: unknown = isJson && text !== '' ? JSON.parse(text) : undefined;
      return { status: response.status, body, text, seen: response.ok ? messagesIn(body) : [] };
    } catch {
      // No answer is a finding like any other: whether the request was taken is not known.
      return { status: null, body: undefined, text: '', seen: [] };
    }
  }

  private looksNew({ id, status, ack }: SeenMessage): boolean {
    const look = `${status} ${String(ack)}`;
    if (this.looks.get(id) === look) return false;
    this.looks.set(id, look);
    return true;
  }

  private newIds(text: string): string[] {
    const fresh = [...new Set(text.match(ID) ?? [])].filter((id) => !this.shown.has(id));
    for (const id of fresh) this.shown.add(id);
    return fresh;
  }
}

function outcomeIn(body: unknown): Pick<ClientRequest, 'outcome'> {
  const { outcome } = Object(body) as { outcome?: unknown };
  return outcome === 'unknown' || outcome === 'not_sent' ? { outcome } : {};
}

function messagesIn(body: unknown): SeenMessage[] {
  const { data } = Object(body) as { data?: unknown };
  const candidates = Array.isArray(data) ? data : [body];
  return candidates.flatMap((one: unknown) => {
    const { id, status, ack } = Object(one) as Record<string, unknown>;
    const isMessage = typeof id === 'string' && id.startsWith('msg_') && typeof status === 'string';
    return isMessage ? [{ id, status, ack: typeof ack === 'number' ? ack : null }] : [];
  });
}
