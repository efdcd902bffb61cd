import type { Readable } from 'node:stream';
import { request, type Agent, type Dispatcher } from 'undici';
import { ForbiddenUrlError, parseOutboundUrl, type AddressPolicy, type Resolver } from './address-policy.js';
import { guardedAgent, isForbidden } from './guarded-agent.js';

/** The URL is allowed but gave no file: no connection, no 200, too slow, too many redirects. */
export class UnreachableUrlError extends Error {
  override readonly name = 'UnreachableUrlError';
}

export interface FetchOptions {
  /** From the first connection to the last byte of the body. */
  timeoutMs: number;
  /** Stops the transfer early. */
  signal?: AbortSignal;
}

/** A file on its way; the caller reads `body` to the end or destroys it. */
export interface FetchedFile {
  /** Where the last redirect led. */
  url: URL;
  body: Readable;
  /** Media type without parameters, as the server says; null when it does not. */
  mimeType: string | null;
  /** Bytes, as the server says; the body may be longer. */
  size: number | null;
  filename: string | null;
}

const MOST_REDIRECTS = 3;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * The only way out to a URL that a tenant gave. Connects to public addresses only, on every hop; sends nothing of ours
 * but a user agent; bounds connections, redirects and time. The caller bounds the bytes.
 */
export class OutboundFetcher {
  private readonly agent: Agent;

  constructor(
    private readonly policy: AddressPolicy,
    resolver?: Resolver,
  ) {
    this.agent = guardedAgent(policy, { connections: 16, keepAliveMs: 1_000, resolver });
  }

  /**
   * GET. @throws ForbiddenUrlError, UnreachableUrlError; neither says what answered inside.
   */
  async get(url: string, options: FetchOptions): Promise<FetchedFile> {
    const timeout = AbortSignal.timeout(options.timeoutMs);
    const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
    let target = parseOutboundUrl(url, this.policy);
    for (let hop = 0; hop <= MOST_REDIRECTS; hop += 1) {
      const response = await this.send(target, signal);
      if (response.statusCode === 200) return fileOf(target, response);
      response.body.on('error', () => undefined).destroy();
      if (!REDIRECTS.has(response.statusCode)) throw new UnreachableUrlError('did not answer with a file');
      target = this.follow(target, response);
    }
    throw new UnreachableUrlError(`redirects more than ${String(MOST_REDIRECTS)} times`);
  }

  async close(): Promise<void> {
    await this.agent.destroy();
  }

  private async send(url: URL, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    try {
      return await request(url, {
        dispatcher: this.agent,
        method: 'GET',
        headers: { 'user-agent': 'wagate', accept: '*/*', 'accept-encoding': 'identity' },
        signal,
      });
    } catch (error) {
      if (isForbidden(error)) throw new ForbiddenUrlError('must point to the public internet');
      throw new UnreachableUrlError('could not be reached', { cause: error });
    }
  }

  private follow(from: URL, { headers }: Dispatcher.ResponseData): URL {
    const location = headers.location;
    if (typeof location !== 'string' || !URL.canParse(location, from)) {
      throw new UnreachableUrlError('redirects to nowhere');
    }
    const to = parseOutboundUrl(new URL(location, from).href, this.policy);
    if (to.protocol !== from.protocol) throw new ForbiddenUrlError('must not redirect to another protocol');
    return to;
  }
}

function fileOf(url: URL, { headers, body }: Dispatcher.ResponseData): FetchedFile {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    body.on('error', () => undefined).destroy();
    throw new UnreachableUrlError('answers in an encoding that was not asked for');
  }
  const type = single(headers['content-type'])?.split(';')[0]?.trim().toLowerCase();
  const length = single(headers['content-length']);
  return {
    url,
    body,
    mimeType: type && /^[\w.+-]+\/[\w.+-]+$/.test(type) ? type : null,
    size: length && /^\d{1,15}$/.test(length) ? Number(length) : null,
    filename: filenameOf(url, single(headers['content-disposition'])),
  };
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

/** The name the server gives, else the last part of the path. */
function filenameOf(url: URL, disposition: string | undefined): string | null {
  const given = /filename="([^"\\]{1,255})"/i.exec(disposition ?? '')?.[1];
  const last = url.pathname.split('/').at(-1) ?? '';
  return given ?? (decode(last) || null);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
