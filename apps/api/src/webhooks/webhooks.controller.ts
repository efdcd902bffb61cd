import { Body, Controller, Delete, Get, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CurrentActor, type Actor } from '../audit/index.js';
import { CurrentKey, Scopes, type AuthContext } from '../auth/index.js';
import { Operation, setLocation, type ApiReply, type Page } from '../http/index.js';
import { Idempotency, type IdempotentAnswer, type IdempotentRequest } from '../idempotency/index.js';
import { WebhookService } from './webhook.service.js';
import { WEBHOOK_EXAMPLE } from './webhook-view.js';
import {
  ChangeWebhookDto,
  CreateWebhookDto,
  RotateSecretDto,
  WebhookDto,
  WebhookPageDto,
  WebhookParams,
  WebhookQuery,
  WebhookTestDto,
  WebhookWithSecretDto,
  type Webhook,
  type WebhookTest,
  type WebhookWithSecret,
} from './webhooks.dto.js';

const WITH_SECRET = { ...WEBHOOK_EXAMPLE, secret: 'whsec_…' };
const TESTED: WebhookTest = {
  delivered: true,
  attempt: {
    at: '2026-01-01T12:00:00.000Z',
    status: 200,
    error: null,
    durationMs: 48,
    responseType: 'text/plain',
    responseHead: 'ok',
  },
};

@ApiTags('Webhooks')
@Controller('webhooks')
export class WebhooksController {
  constructor(private readonly webhooks: WebhookService) {}

  @Post()
  @Scopes('webhooks:manage')
  @Operation({
    summary: 'Create a webhook',
    description:
      'From now on every event is posted to the URL, at least once, signed as Standard Webhooks 1.0 says. The secret is in the answer, this once: repeated with its Idempotency-Key the request answers 201 with the same webhook and `secret` null. Whoever lost it asks for a new one with `rotate-secret`.',
    idempotent: 'by_key',
    answer: { status: 201, type: WebhookWithSecretDto, example: WITH_SECRET, located: true },
    problems: [
      'not_found',
      'session_not_allowed',
      'wrong_key_mode',
      'webhook_url_forbidden',
      'webhook_limit_reached',
    ],
  })
  async create(
    @CurrentKey() auth: AuthContext,
    @CurrentActor() by: Actor,
    @Body() body: CreateWebhookDto,
    @Idempotency() request: IdempotentRequest | undefined,
    @Res({ passthrough: true }) reply: ApiReply,
  ): Promise<IdempotentAnswer<WebhookWithSecret>> {
    const answer = await this.webhooks.create(auth, by, body, request);
    setLocation(reply, `webhooks/${answer.body.id}`);
    return answer;
  }

  @Get()
  @Scopes('webhooks:manage')
  @Operation({
    summary: 'List the webhooks',
    description:
      "Those of the key's mode, newest first. A key that is bound to sessions sees those of its sessions.",
    idempotent: 'safe',
    answer: { status: 200, type: WebhookPageDto, example: { data: [WEBHOOK_EXAMPLE], nextCursor: null } },
    problems: ['invalid_cursor'],
  })
  list(@CurrentKey() auth: AuthContext, @Query() query: WebhookQuery): Promise<Page<Webhook>> {
    return this.webhooks.list(auth, query);
  }

  @Get(':id')
  @Scopes('webhooks:manage')
  @Operation({
    summary: 'Show a webhook',
    description: 'With the state of its receiver: whether it answers, and up to where it has everything.',
    idempotent: 'safe',
    answer: { status: 200, type: WebhookDto, example: WEBHOOK_EXAMPLE },
    problems: ['not_found'],
  })
  get(@CurrentKey() auth: AuthContext, @Param() { id }: WebhookParams): Promise<Webhook> {
    return this.webhooks.get(auth, id);
  }

  @Patch(':id')
  @Scopes('webhooks:manage')
  @Operation({
    summary: 'Change a webhook',
    description:
      'Only what is named changes. `enabled: true` starts one that was switched off where it stopped: the events since then are delivered.',
    idempotent: 'idempotent',
    answer: { status: 200, type: WebhookDto, example: WEBHOOK_EXAMPLE },
    problems: ['not_found', 'session_not_allowed', 'wrong_key_mode', 'webhook_url_forbidden'],
  })
  change(
    @CurrentKey() auth: AuthContext,
    @CurrentActor() by: Actor,
    @Param() { id }: WebhookParams,
    @Body() body: ChangeWebhookDto,
  ): Promise<Webhook> {
    return this.webhooks.change(auth, by, id, body);
  }

  @Delete(':id')
  @Scopes('webhooks:manage')
  @Operation({
    summary: 'Delete a webhook',
    description:
      'With the log of its deliveries. Nothing more is posted once the answer is there, but for attempts under way.',
    idempotent: 'idempotent',
    answer: { status: 204 },
    problems: ['not_found'],
  })
  delete(
    @CurrentKey() auth: AuthContext,
    @CurrentActor() by: Actor,
    @Param() { id }: WebhookParams,
  ): Promise<void> {
    return this.webhooks.delete(auth, by, id);
  }

  @Post(':id/rotate-secret')
  @Scopes('webhooks:manage')
  @Operation({
    summary: 'Replace the secret of a webhook',
    description:
      'For `overlapSeconds` more each post carries two signatures, by the new and by the old secret. The webhook stays the same object, hence 200.',
    idempotent: 'by_key',
    answer: { status: 200, type: WebhookWithSecretDto, example: WITH_SECRET },
    problems: ['not_found'],
  })
  rotateSecret(
    @CurrentKey() auth: AuthContext,
    @CurrentActor() by: Actor,
    @Param() { id }: WebhookParams,
    @Body() { overlapSeconds }: RotateSecretDto,
    @Idempotency() request: IdempotentRequest | undefined,
  ): Promise<IdempotentAnswer<WebhookWithSecret>> {
    return this.webhooks.rotateSecret(auth, by, id, overlapSeconds, request);
  }

  @Post(':id/test')
  @Scopes('webhooks:manage')
  @Operation({
    summary: 'Send a test event to a webhook',
    description:
      'Posts one `webhook.test` event at once and answers what came back. Its `seq` is 0; it is not in the event log.',
    idempotent: 'not_idempotent',
    answer: { status: 200, type: WebhookTestDto, example: TESTED },
    problems: ['not_found'],
  })
  test(@CurrentKey() auth: AuthContext, @Param() { id }: WebhookParams): Promise<WebhookTest> {
    return this.webhooks.test(auth, id);
  }
}
