import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { Clock } from '#kernel';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { LOGGER } from '../http/index.js';
import { OutboundPoster, type PostResult } from '../http/outbound/index.js';
import { SecretBox } from '../secrets/index.js';
import { readRetryAfter } from './delivery/delivery-schedule.js';
import { headersPlace, secretPlace, type DeliveryAttempt, type StoredWebhook } from './webhook.js';
import { signatureHeaders } from './webhook-signature.js';

/** Standard Webhooks 1.0 advises 15 to 30 s. */
const TIMEOUT_MS = 15_000;
const MOST_ANSWER_BYTES = 65_536;
/** Characters of an answer that the delivery log keeps. */
const MOST_HEAD = 512;

export interface AttemptResult {
  attempt: DeliveryAttempt;
  /** What the receiver asked for. */
  retryAfterSeconds: number | null;
}

interface OpenedWebhook {
  headers: Record<string, string>;
  secret: string;
  previous: { secret: string; until: Date } | null;
}

/** Signs and posts one event to a webhook's URL. Never throws: every failure is an attempt's result. */
@Injectable()
export class WebhookSender implements OnApplicationShutdown {
  private readonly poster: OutboundPoster;
  /** What was opened of a webhook as it was read once, for as long as somebody delivers by it. */
  private readonly opened = new WeakMap<StoredWebhook, OpenedWebhook>();

  constructor(
    private readonly secrets: SecretBox,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(API_CONFIG) config: Pick<ApiConfig, 'ALLOW_PRIVATE_WEBHOOK_URLS'>,
  ) {
    this.poster = new OutboundPoster({ allowPrivate: config.ALLOW_PRIVATE_WEBHOOK_URLS });
  }

  onApplicationShutdown(): Promise<void> {
    return this.poster.close();
  }

  /** @param eventId the `webhook-id`, the same on every attempt */
  async send(webhook: StoredWebhook, eventId: string, body: string): Promise<AttemptResult> {
    const startMs = performance.now();
    const at = this.clock.now();
    const headers = this.signedHeaders(webhook, eventId, body, at);
    const result = headers
      ? await this.poster.post({
          headers,
          body,
          url: webhook.url,
          timeoutMs: TIMEOUT_MS,
          mostBytes: MOST_ANSWER_BYTES,
        })
      : ({ status: null, error: 'secret_unreadable' } as const);
    const durationMs = Math.round(performance.now() - startMs);
    return {
      attempt: { at: at.toISOString(), durationMs, ...shownOf(result) },
      retryAfterSeconds:
        result.status === null ? null : readRetryAfter(result.retryAfter, this.clock.now().getTime()),
    };
  }

  /** Undefined when its secrets cannot be opened, as after a change of ENCRYPTION_KEY. */
  private signedHeaders(
    webhook: StoredWebhook,
    id: string,
    body: string,
    at: Date,
  ): Record<string, string> | undefined {
    const timestamp = Math.floor(at.getTime() / 1_000);
    try {
      const { headers, secret, previous } = this.open(webhook);
      const secrets = previous && previous.until > at ? [secret, previous.secret] : [secret];
      return {
        ...headers,
        'content-type': 'application/json',
        ...signatureHeaders(secrets, { id, timestamp, body }),
      };
    } catch (error) {
      this.logger.error({ err: error, webhookId: webhook.id }, 'the secrets of a webhook cannot be read');
      return undefined;
    }
  }

  /** During a rotation both the new and the old secret sign. */
  private open(webhook: StoredWebhook): OpenedWebhook {
    const known = this.opened.get(webhook);
    if (known) return known;
    const { secretSealed, previousSecretSealed, previousSecretUntil: until } = webhook;
    const place = secretPlace(webhook);
    const opened = {
      headers: this.headersOf(webhook),
      secret: this.secrets.open(secretSealed, place),
      previous:
        previousSecretSealed && until && until > this.clock.now()
          ? { secret: this.secrets.open(previousSecretSealed, place), until }
          : null,
    };
    this.opened.set(webhook, opened);
    return opened;
  }

  /** Its custom headers. @throws Error when they cannot be opened */
  headersOf(webhook: StoredWebhook): Record<string, string> {
    if (!webhook.headersSealed) return {};
    const headers = this.secrets.open(webhook.headersSealed, headersPlace(webhook));
    return JSON.parse(headers) as Record<string, string>;
  }
}

type Shown = PostResult | { status: null; error: 'secret_unreadable' };

function shownOf(result: Shown): Omit<DeliveryAttempt, 'at' | 'durationMs'> {
  if (result.status === null) {
    return { status: null, error: result.error, responseType: null, responseHead: null };
  }
  return {
    status: result.status,
    error: null,
    responseType: result.contentType?.slice(0, 100) ?? null,
    responseHead: printable(result.body),
  };
}

/** A receiver's answer is not to be trusted: no control characters, and little of it. */
function printable(body: Buffer): string | null {
  const text = body
    .subarray(0, MOST_HEAD * 4)
    .toString()
    .replace(/\p{C}+/gu, ' ')
    .trim();
  return text === '' ? null : Array.from(text).slice(0, MOST_HEAD).join('');
}
