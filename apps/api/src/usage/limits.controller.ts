import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CurrentKey, Scopes, type AuthContext } from '../auth/index.js';
import { Operation } from '../http/index.js';
import { LimitsDto, type Limits } from './limits.dto.js';
import { LimitsService } from './limits.service.js';

const EXAMPLE: Limits = {
  rate: { key: { limit: 6000, windowSeconds: 60 }, tenant: { limit: 12000, windowSeconds: 60 } },
  messages: {
    dailyLimit: 10000,
    sessionDailyLimit: null,
    acceptedToday: 128,
    remainingToday: 9872,
    resetsAt: '2026-01-02T00:00:00.000Z',
  },
  sessions: { limit: 50 },
};

@ApiTags('Account')
@Controller('limits')
export class LimitsController {
  constructor(private readonly limits: LimitsService) {}

  @Get()
  @Scopes()
  @Operation({
    summary: 'Show the limits that apply to this key and tenant',
    description:
      'Requests per minute of key and tenant, messages per UTC day and what is left of them, and how many sessions the tenant may have. Any key may ask.',
    idempotent: 'safe',
    answer: { status: 200, type: LimitsDto, example: EXAMPLE },
  })
  get(@CurrentKey() auth: AuthContext): Promise<Limits> {
    return this.limits.get(auth);
  }
}
