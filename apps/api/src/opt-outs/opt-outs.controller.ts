import { Body, Controller, Delete, Get, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CurrentActor, type Actor } from '../audit/index.js';
import { CurrentKey, Scopes, type AuthContext } from '../auth/index.js';
import { Operation, type Page } from '../http/index.js';
import {
  CreatedOptOutDto,
  CreateOptOutDto,
  ListOptOutsQuery,
  OPT_OUT_EXAMPLE,
  OptOutPageDto,
  OptOutParams,
  type CreatedOptOut,
  type OptOutView,
} from './opt-outs.dto.js';
import { OptOutsService } from './opt-outs.service.js';

@ApiTags('Opt-outs')
@Controller('opt-outs')
export class OptOutsController {
  constructor(private readonly optOuts: OptOutsService) {}

  @Get()
  @Scopes('automation:manage')
  @Operation({
    summary: 'List who does not want to be written to',
    description: 'Of the mode of the key, newest first.',
    idempotent: 'safe',
    answer: { status: 200, type: OptOutPageDto, example: { data: [OPT_OUT_EXAMPLE], nextCursor: null } },
    problems: ['invalid_cursor', 'invalid_recipient', 'not_found', 'wrong_key_mode', 'session_not_allowed'],
  })
  list(@CurrentKey() auth: AuthContext, @Query() query: ListOptOutsQuery): Promise<Page<OptOutView>> {
    return this.optOuts.list(auth, query);
  }

  @Post()
  @Scopes('automation:manage')
  @Operation({
    summary: 'Note that somebody does not want to be written to',
    description:
      'From then on a message to them is refused with `recipient_opted_out`; what waits for them fails with the same code. What is being handed over at that moment is waited for, 5 seconds at most. It holds for the mode of the key, under the phone number and the LID of the person alike.',
    idempotent: 'idempotent',
    answer: { status: 201, type: CreatedOptOutDto, example: { ...OPT_OUT_EXAMPLE, underWay: 0 } },
    problems: ['invalid_recipient', 'not_found', 'wrong_key_mode', 'session_not_allowed'],
  })
  create(
    @CurrentKey() auth: AuthContext,
    @CurrentActor() by: Actor,
    @Body() request: CreateOptOutDto,
  ): Promise<CreatedOptOut> {
    return this.optOuts.create(auth, by, request);
  }

  @Delete(':id')
  @Scopes('automation:manage')
  @Operation({
    summary: 'Let somebody be written to again',
    description: 'What failed meanwhile stays failed.',
    idempotent: 'idempotent',
    answer: { status: 204, description: 'The opt-out is gone' },
    problems: ['not_found'],
  })
  async remove(
    @CurrentKey() auth: AuthContext,
    @CurrentActor() by: Actor,
    @Param() { id }: OptOutParams,
  ): Promise<void> {
    await this.optOuts.remove(auth, by, id);
  }
}
