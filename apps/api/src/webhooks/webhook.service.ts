import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Database } from '#database';
import { AppError, Clock, newId } from '#kernel';
import { AuditLog, type Actor } from '../audit/index.js';
import type { AuthContext } from '../auth/index.js';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { readPage, toPage, type Page, type PageQuery } from '../http/index.js';
import { ForbiddenUrlError, parseOutboundUrl } from '../http/outbound/index.js';
import {
  IdempotencyService,
  type IdempotentAnswer,
  type IdempotentRequest,
  type WorkResult,
} from '../idempotency/index.js';
import { SecretBox } from '../secrets/index.js';
import { SessionLookup } from '../sessions/index.js';
import { TestPosts } from './delivery/test-posts.js';
import { WebhookLimits } from './delivery/webhook-limits.js';
import { headersPlace, isDelivered, secretPlace, type StoredWebhook } from './webhook.js';
import { WebhookRepository, type WebhookChange } from './webhook-repository.js';
import { WebhookSender } from './webhook-sender.js';
import { newWebhookSecret } from './webhook-signature.js';
import { testEvent, viewWebhook } from './webhook-view.js';
import type {
  ChangeWebhook,
  CreateWebhook,
  Webhook,
  WebhookTest,
  WebhookWithSecret,
} from './webhooks.dto.js';

/** Webhooks of a tenant at most. */
const MOST_WEBHOOKS = 100;
const ID = /^whk_[0-9a-z]{26}$/;

/** The webhooks of a tenant. */
@Injectable()
export class WebhookService {
  private readonly tests: TestPosts;

  constructor(
    private readonly database: Database,
    private readonly webhooks: WebhookRepository,
    private readonly sessions: SessionLookup,
    private readonly secrets: SecretBox,
    private readonly sender: WebhookSender,
    private readonly audit: AuditLog,
    private readonly idempotency: IdempotencyService,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(API_CONFIG) private readonly config: Pick<ApiConfig, 'ALLOW_PRIVATE_WEBHOOK_URLS'>,
    limits: WebhookLimits,
  ) {
    this.tests = new TestPosts(limits);
  }

  async list(auth: AuthContext, query: PageQuery): Promise<Page<Webhook>> {
    const page = readPage('webhooks', query, [ID]);
    const rows = await this.database.tenant(auth.tenantId, (tx) => this.webhooks.list(tx, auth, page));
    return toPage(
      'webhooks',
      query,
      rows,
      (row) => [row.id],
      (row) => this.view(row),
    );
  }

  async get(auth: AuthContext, id: string): Promise<Webhook> {
    return this.view(await this.database.tenant(auth.tenantId, (tx) => this.find(tx, auth, id)));
  }

  /** @throws AppError `webhook_url_forbidden`, `webhook_limit_reached`, `session_not_allowed`, `not_found` */
  async create(
    auth: AuthContext,
    by: Actor,
    input: CreateWebhook,
    request: IdempotentRequest | undefined,
  ): Promise<IdempotentAnswer<WebhookWithSecret>> {
    this.assertUrl(input.url);
    const sessionIds = await this.sessionsOf(auth, input.sessionIds ?? null);
    return this.database.tenant(auth.tenantId, (tx) =>
      this.idempotency.run(tx, auth.tenantId, request, async () => {
        const { tenantId } = auth;
        if ((await this.webhooks.countToAdd(tx, tenantId)) >= MOST_WEBHOOKS) {
          const message = `a tenant can have ${String(MOST_WEBHOOKS)} webhooks; delete one first`;
          throw new AppError('webhook_limit_reached', message);
        }
        const id = newId('whk');
        const secret = newWebhookSecret();
        await this.webhooks.insert(tx, tenantId, {
          id,
          sessionIds,
          url: input.url,
          description: input.description ?? null,
          mode: auth.mode,
          eventTypes: onlyOnce(input.events ?? null),
          headersSealed: this.sealHeaders(tenantId, id, input.headers ?? null),
          secretSealed: this.secrets.seal(secret, secretPlace({ tenantId, id })),
        });
        await this.record(tx, by, auth, id, 'webhook.created', { host: new URL(input.url).host });
        return shownOnce(201, this.view(await this.find(tx, auth, id)), secret);
      }),
    );
  }

  /** @throws AppError `not_found`, `webhook_url_forbidden`, `session_not_allowed` */
  async change(auth: AuthContext, by: Actor, id: string, input: ChangeWebhook): Promise<Webhook> {
    if (input.url !== undefined) this.assertUrl(input.url);
    const sessionIds =
      input.sessionIds === undefined ? undefined : await this.sessionsOf(auth, input.sessionIds);
    return this.database.tenant(auth.tenantId, async (tx) => {
      const before = await this.find(tx, auth, id, { toChange: true });
      const { url, description, enabled, events, headers } = input;
      const change: WebhookChange = {
        ...(url === undefined ? {} : { url }),
        ...(description === undefined ? {} : { description }),
        ...(enabled === undefined ? {} : { enabled }),
        ...(events === undefined ? {} : { eventTypes: onlyOnce(events) }),
        ...(sessionIds === undefined ? {} : { sessionIds }),
        ...(headers === undefined ? {} : { headersSealed: this.sealHeaders(auth.tenantId, id, headers) }),
      };
      await this.webhooks.change(tx, before, change);
      await this.record(tx, by, auth, id, 'webhook.changed', { fields: Object.keys(input) });
      return this.view(await this.find(tx, auth, id));
    });
  }

  async delete(auth: AuthContext, by: Actor, id: string): Promise<void> {
    await this.database.tenant(auth.tenantId, async (tx) => {
      await this.webhooks.delete(tx, await this.find(tx, auth, id, { toChange: true }));
      await this.record(tx, by, auth, id, 'webhook.deleted');
    });
  }

  /** A new secret; for `overlapSeconds` posts carry a signature of the old one, too. */
  async rotateSecret(
    auth: AuthContext,
    by: Actor,
    id: string,
    overlapSeconds: number,
    request: IdempotentRequest | undefined,
  ): Promise<IdempotentAnswer<WebhookWithSecret>> {
    return this.database.tenant(auth.tenantId, (tx) =>
      this.idempotency.run(tx, auth.tenantId, request, async () => {
        const webhook = await this.find(tx, auth, id, { toChange: true });
        const secret = newWebhookSecret();
        const sealed = this.secrets.seal(secret, secretPlace(webhook));
        await this.webhooks.rotate(tx, webhook, sealed, overlapSeconds);
        await this.record(tx, by, auth, id, 'webhook.secret_rotated');
        return shownOnce(200, this.view(await this.find(tx, auth, id)), secret);
      }),
    );
  }

  /**
   * Posts a `webhook.test` event now, once, also to a webhook that is switched off.
   * @throws AppError `not_found`, `rate_limited`
   */
  async test(auth: AuthContext, id: string): Promise<WebhookTest> {
    const webhook = await this.database.tenant(auth.tenantId, (tx) => this.find(tx, auth, id));
    const event = testEvent(webhook, this.clock.now());
    const post = () => this.sender.send(webhook, event.id, JSON.stringify(event));
    const { attempt } = await this.tests.run(auth.tenantId, post);
    return { delivered: isDelivered(attempt), attempt: attempt as WebhookTest['attempt'] };
  }

  /** @throws AppError `not_found` */
  async find(
    tx: EntityManager,
    auth: AuthContext,
    id: string,
    options?: { toChange: boolean },
  ): Promise<StoredWebhook> {
    const webhook = await this.webhooks.find(tx, auth, id, options);
    if (!webhook) throw new AppError('not_found', 'there is no such webhook');
    return webhook;
  }

  private view(webhook: StoredWebhook): Webhook {
    return viewWebhook(webhook, Object.keys(this.sender.headersOf(webhook)));
  }

  private sealHeaders(tenantId: string, id: string, headers: Record<string, string> | null): Buffer | null {
    if (headers === null || Object.keys(headers).length === 0) return null;
    return this.secrets.seal(JSON.stringify(headers), headersPlace({ tenantId, id }));
  }

  /** A key that is bound to sessions makes webhooks of those only. */
  private async sessionsOf(auth: AuthContext, ids: string[] | null): Promise<string[] | null> {
    for (const id of ids ?? []) await this.sessions.resolve(auth, id);
    return onlyOnce(ids) ?? (auth.sessionIds ? [...auth.sessionIds] : null);
  }

  private assertUrl(text: string): void {
    const allowPrivate = this.config.ALLOW_PRIVATE_WEBHOOK_URLS;
    try {
      const url = parseOutboundUrl(text, { allowPrivate });
      if (url.protocol !== 'https:' && !allowPrivate) throw new ForbiddenUrlError('must be https');
    } catch (error) {
      if (!(error instanceof ForbiddenUrlError)) throw error;
      const details = [{ path: 'url', message: error.message }];
      throw new AppError('webhook_url_forbidden', `the URL of a webhook ${error.message}`, { details });
    }
  }

  private record(
    tx: EntityManager,
    by: Actor,
    { tenantId }: AuthContext,
    targetId: string,
    action: string,
    detail: Record<string, unknown> = {},
  ): Promise<void> {
    return this.audit.record(tx, by, { tenantId, targetId, action, detail });
  }
}

function shownOnce(status: number, webhook: Webhook, secret: string): WorkResult<WebhookWithSecret> {
  return {
    status,
    body: { ...webhook, secret },
    storedBody: { ...webhook, secret: null },
    resourceId: webhook.id,
  };
}

function onlyOnce<T>(values: T[] | null): T[] | null {
  return values && [...new Set(values)];
}
