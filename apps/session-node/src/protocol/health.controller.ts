import { Controller, Get, Header, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { NODE_HEALTH } from './tokens.js';

export interface NodeHealth {
  /** What keeps the node from being ready; empty when nothing does. */
  findings(): string[];
  details(): Record<string, unknown>;
  /** In the Prometheus text format. */
  metrics(): Promise<string>;
}

/** Is the process alive, is it ready, what does it count. Free of secrets and of tenants' data. */
@Controller()
export class HealthController {
  constructor(@Inject(NODE_HEALTH) private readonly health: NodeHealth) {}

  @Get('health/live')
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('health/ready')
  async ready(@Res() reply: FastifyReply): Promise<void> {
    const findings = this.health.findings();
    const status = findings.length === 0 ? 'ok' : 'unavailable';
    await reply.status(status === 'ok' ? 200 : 503).send({ status, findings, ...this.health.details() });
  }

  @Get('metrics')
  @Header('content-type', 'text/plain; version=0.0.4')
  metrics(): Promise<string> {
    return this.health.metrics();
  }
}
