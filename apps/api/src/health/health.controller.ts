import { Controller, Get, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Public } from '../auth/index.js';
import { Operation, type ApiReply } from '../http/index.js';
import { LivenessDto, READINESS_EXAMPLE, ReadinessDto, type Liveness } from './health.dto.js';
import { HealthRegistry, type Readiness } from './health-registry.js';
import { InstallationFigures } from './installation-figures.js';
import { Metrics } from './metrics.js';

@ApiTags('Operations')
@Controller()
export class HealthController {
  constructor(
    private readonly health: HealthRegistry,
    private readonly metrics: Metrics,
    private readonly figures: InstallationFigures,
  ) {}

  @Get('health/live')
  @Public()
  @Operation({
    summary: 'Tell whether the process runs',
    description:
      'Answers for as long as the process does, whatever else is away: for a restart by the platform. No key, no limit.',
    idempotent: 'safe',
    answer: { status: 200, type: LivenessDto, example: { status: 'live', uptimeSeconds: 3600 } },
  })
  live(): Liveness {
    return { status: 'live', uptimeSeconds: Math.floor(process.uptime()) };
  }

  @Get('health/ready')
  @Public()
  @Operation({
    summary: 'Tell whether requests can be served',
    description: '200 when `ready` or `degraded`, 503 with the same body when `not_ready`.',
    idempotent: 'safe',
    answer: { status: 200, type: ReadinessDto, example: READINESS_EXAMPLE },
  })
  async ready(@Res({ passthrough: true }) reply: ApiReply): Promise<Readiness> {
    const readiness = await this.health.readiness();
    void reply.code(readiness.status === 'not_ready' ? 503 : 200);
    return readiness;
  }

  @Get('metrics')
  @Public()
  @Operation({
    summary: 'Show metrics for Prometheus',
    description: 'Of this process, in the text format of Prometheus. Without a key: keep it from the public.',
    idempotent: 'safe',
    answer: { status: 200, contentType: 'text/plain' },
  })
  async show(@Res({ passthrough: true }) reply: ApiReply): Promise<string> {
    await this.figures.refresh();
    const { registry } = this.metrics;
    void reply.header('Content-Type', registry.contentType);
    return registry.metrics();
  }
}
