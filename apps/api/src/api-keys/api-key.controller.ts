import { Body, Controller, Delete, Get, Param, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CurrentActor, type Actor } from '../audit/index.js';
import { CurrentKey, CurrentTenant, Scopes, type AuthContext } from '../auth/index.js';
import { Operation, setLocation, type ApiReply, type Page } from '../http/index.js';
import { Idempotency, type IdempotentAnswer, type IdempotentRequest } from '../idempotency/index.js';
import {
  API_KEY_EXAMPLE,
  ApiKeyPageDto,
  ApiKeyParamsDto,
  ApiKeyQueryDto,
  CreateApiKeyDto,
  CreatedApiKeyDto,
  RotateApiKeyDto,
  type ApiKey,
  type CreatedApiKey,
} from './api-key.dto.js';
import { ApiKeyService } from './api-key.service.js';

const CREATED_EXAMPLE = { ...API_KEY_EXAMPLE, key: 'wg_live_a1B2c3D4e5_…' };

@ApiTags('API keys')
@Controller('api-keys')
export class ApiKeyController {
  constructor(private readonly keys: ApiKeyService) {}

  @Get()
  @Scopes('keys:manage')
  @Operation({
    summary: 'List the API keys of the tenant',
    description:
      'Newest first, also those that are revoked or expired. The keys themselves are not shown, only their beginning.',
    idempotent: 'safe',
    answer: { status: 200, type: ApiKeyPageDto, example: { data: [API_KEY_EXAMPLE], nextCursor: null } },
    problems: ['invalid_cursor'],
  })
  list(@CurrentTenant() tenantId: string, @Query() query: ApiKeyQueryDto): Promise<Page<ApiKey>> {
    return this.keys.list(tenantId, query);
  }

  @Post()
  @Scopes('keys:manage')
  @Operation({
    summary: 'Create an API key',
    description: 'The key is in the answer, this once. It can do no more than the key that creates it.',
    idempotent: 'by_key',
    answer: { status: 201, type: CreatedApiKeyDto, example: CREATED_EXAMPLE, located: true },
    problems: ['not_found', 'session_not_allowed', 'wrong_key_mode'],
  })
  async create(
    @CurrentKey() auth: AuthContext,
    @CurrentActor() by: Actor,
    @Body() body: CreateApiKeyDto,
    @Idempotency() request: IdempotentRequest | undefined,
    @Res({ passthrough: true }) reply: ApiReply,
  ): Promise<IdempotentAnswer<CreatedApiKey>> {
    return located(await this.keys.create(auth, by, body, request), reply);
  }

  @Post(':id/rotate')
  @Scopes('keys:manage')
  @Operation({
    summary: 'Replace an API key',
    description:
      'Answers a new key with the same rights. The old one works for `overlapSeconds` more. The new key is an object of its own, hence 201.',
    idempotent: 'by_key',
    answer: { status: 201, type: CreatedApiKeyDto, example: CREATED_EXAMPLE, located: true },
    problems: ['not_found', 'invalid_state', 'session_not_allowed', 'wrong_key_mode'],
  })
  async rotate(
    @CurrentKey() auth: AuthContext,
    @CurrentActor() by: Actor,
    @Param() { id }: ApiKeyParamsDto,
    @Body() { overlapSeconds }: RotateApiKeyDto,
    @Idempotency() request: IdempotentRequest | undefined,
    @Res({ passthrough: true }) reply: ApiReply,
  ): Promise<IdempotentAnswer<CreatedApiKey>> {
    return located(await this.keys.rotate(auth, by, id, overlapSeconds, request), reply);
  }

  @Delete(':id')
  @Scopes('keys:manage')
  @Operation({
    summary: 'Revoke an API key',
    description: 'It is refused everywhere within five seconds.',
    idempotent: 'idempotent',
    answer: { status: 204 },
    problems: ['not_found', 'session_not_allowed'],
  })
  revoke(
    @CurrentKey() auth: AuthContext,
    @CurrentActor() by: Actor,
    @Param() { id }: ApiKeyParamsDto,
  ): Promise<void> {
    return this.keys.revoke(auth.tenantId, by, id, auth);
  }
}

function located(answer: IdempotentAnswer<CreatedApiKey>, reply: ApiReply): IdempotentAnswer<CreatedApiKey> {
  setLocation(reply, `api-keys/${answer.body.id}`);
  return answer;
}
