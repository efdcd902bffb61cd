import { request, type Agent, type Dispatcher } from 'undici';
import { parseOutboundUrl, type AddressPolicy, type Resolver } from './address-policy.js';
import { guardedAgent, isForbidden } from './guarded-agent.js';

export interface OutboundPost {
  url: string;
  headers: Record<string, string>;
  body: string;
  /** From the first connection to the last byte of the answer that is read. */
  timeoutMs: number;
  /** Bytes of the answer that are read at most; the rest is cut off with its connection. */
  mostBytes: number;
}

/** What came of it: an answer with its beginning, or why there was none. */
export type PostResult =
  | { status: number; contentType: string | null; retryAfter: string | undefined; body: Buffer }
  | { status: null; error: 'forbidden' | 'timeout' | 'unreachable' | 'tls' | 'broken_answer' };

const KEEP_ALIVE_MS = 10_000;

/** Posts to URLs that tenants gave: guarded as `OutboundFetcher`, without redirects, and never throws. */
export class OutboundPoster {
  private readonly agent: Agent;

  constructor(
    private readonly policy: AddressPolicy,
    resolver?: Resolver,
  ) {
    this.agent = guardedAgent(policy, { connections: null, keepAliveMs: KEEP_ALIVE_MS, resolver });
  }

  async post({ url, headers, body, timeoutMs, mostBytes }: OutboundPost): Promise<PostResult> {
    // Not AbortSignal.timeout: it fires, and makes an error, for every post that has long been answered.
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), timeoutMs);
    const { signal } = late;
    try {
      const target = parseOutboundUrl(url, this.policy);
      const answer = await request(target, {
        dispatcher: this.agent,
        method: 'POST',
        headers: { ...headers, 'user-agent': 'wagate-webhooks/1', 'accept-encoding': 'identity' },
        body,
        signal,
      });
      return {
        status: answer.statusCode,
        contentType: single(answer.headers['content-type']) ?? null,
        retryAfter: single(answer.headers['retry-after']),
        body: await readHead(answer, mostBytes),
      };
    } catch (error) {
      return { status: null, error: reasonOf(error, signal) };
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    await this.agent.destroy();
  }
}

/** The status is the answer; a body that stalls, breaks off or never ends changes nothing about it. */
async function readHead({ body }: Dispatcher.ResponseData, mostBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= mostBytes) break;
    }
  } catch {
    body.on('error', () => undefined).destroy();
  }
  return Buffer.concat(chunks).subarray(0, mostBytes);
}

function reasonOf(error: unknown, signal: AbortSignal): Extract<PostResult, { status: null }>['error'] {
  if (isForbidden(error)) return 'forbidden';
  const code = codeOf(error);
  if (signal.aborted || code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_CONNECT_TIMEOUT')
    return 'timeout';
  if (/^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO)/.test(code)) return 'tls';
  return /^(HPE_|UND_ERR_HEADERS_OVERFLOW|UND_ERR_RESPONSE)/.test(code) ? 'broken_answer' : 'unreachable';
}

function codeOf(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (typeof code === 'string') return code;
  }
  return '';
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
