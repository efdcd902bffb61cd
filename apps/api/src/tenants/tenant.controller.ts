import { Body, Controller, Get, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CurrentActor, type Actor } from '../audit/index.js';
import { CurrentTenant, Scopes } from '../auth/index.js';
import { Operation, setLocation, type ApiReply, type Page } from '../http/index.js';
import { Idempotency, type IdempotentAnswer, type IdempotentRequest } from '../idempotency/index.js';
import {
  CreatedTenantDto,
  CreateTenantDto,
  TENANT_EXAMPLE,
  TenantDto,
  TenantPageDto,
  TenantParamsDto,
  TenantQueryDto,
  UpdateTenantDto,
  type CreatedTenant,
  type Tenant,
} from './tenant.dto.js';
import { TenantService } from './tenant.service.js';

@ApiTags('Tenants')
@Controller('tenants')
export class TenantController {
  constructor(private readonly tenants: TenantService) {}

  @Post()
  @Scopes('admin')
  @Operation({
    summary: 'Create a tenant',
    description: 'With `firstKey` (may be empty) the answer holds an API key for it, shown this once.',
    idempotent: 'by_key',
    answer: {
      status: 201,
      type: CreatedTenantDto,
      example: { ...TENANT_EXAMPLE, firstKey: null },
      located: true,
    },
  })
  async create(
    @CurrentTenant() operatorTenantId: string,
    @CurrentActor() by: Actor,
    @Body() body: CreateTenantDto,
    @Idempotency() request: IdempotentRequest | undefined,
    @Res({ passthrough: true }) reply: ApiReply,
  ): Promise<IdempotentAnswer<CreatedTenant>> {
    const answer = await this.tenants.create(by, body, operatorTenantId, request);
    setLocation(reply, `tenants/${answer.body.id}`);
    return answer;
  }

  @Get()
  @Scopes('admin')
  @Operation({
    summary: 'List tenants',
    description: 'All tenants of this installation, newest first.',
    idempotent: 'safe',
    answer: { status: 200, type: TenantPageDto, example: { data: [TENANT_EXAMPLE], nextCursor: null } },
    problems: ['invalid_cursor'],
  })
  list(@Query() query: TenantQueryDto): Promise<Page<Tenant>> {
    return this.tenants.list(query);
  }

  @Get(':id')
  @Scopes('admin')
  @Operation({
    summary: 'Show a tenant',
    description: 'Its name, its status and its limits.',
    idempotent: 'safe',
    answer: { status: 200, type: TenantDto, example: TENANT_EXAMPLE },
    problems: ['not_found'],
  })
  get(@Param() { id }: TenantParamsDto): Promise<Tenant> {
    return this.tenants.get(id);
  }

  @Patch(':id')
  @Scopes('admin')
  @Operation({
    summary: 'Rename, limit, suspend or reactivate a tenant',
    description:
      'Only the fields that are sent change. The keys of a suspended tenant are refused within five seconds.',
    idempotent: 'idempotent',
    answer: { status: 200, type: TenantDto, example: { ...TENANT_EXAMPLE, status: 'suspended' } },
    problems: ['not_found'],
  })
  update(
    @CurrentActor() by: Actor,
    @Param() { id }: TenantParamsDto,
    @Body() body: UpdateTenantDto,
  ): Promise<Tenant> {
    return this.tenants.update(by, id, body);
  }
}
