import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CurrentKey, Scopes, type AuthContext } from '../auth/index.js';
import { Operation } from '../http/index.js';
import { UsageDto, UsageQueryDto, type Usage } from './usage.dto.js';
import { UsageService } from './usage.service.js';

const COUNTS = { accepted: 120, sent: 118, delivered: 110, failed: 2, received: 64, mediaBytes: 7340032 };
const EXAMPLE: Usage = {
  from: '2026-01-01',
  to: '2026-01-01',
  granularity: 'day',
  data: [{ period: '2026-01-01', sessionId: null, ...COUNTS }],
  total: COUNTS,
};

@ApiTags('Account')
@Controller('usage')
export class UsageController {
  constructor(private readonly usage: UsageService) {}

  @Get()
  @Scopes('usage:read')
  @Operation({
    summary: 'Show how much was sent and received',
    description: 'A key that is bound to sessions sees those only.',
    idempotent: 'safe',
    answer: { status: 200, type: UsageDto, example: EXAMPLE },
    problems: ['not_found', 'session_not_allowed', 'wrong_key_mode'],
  })
  get(@CurrentKey() auth: AuthContext, @Query() query: UsageQueryDto): Promise<Usage> {
    return this.usage.get(auth, query);
  }
}
