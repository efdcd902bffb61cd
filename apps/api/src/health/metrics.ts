import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { Database } from '#database';
import { routeOf, type ApiReply, type ApiRequest } from '../http/index.js';

/** What Prometheus scrapes. A feature adds its own metrics to `registry`; labels never hold ids or tenants. */
@Injectable()
export class Metrics {
  readonly registry = new Registry();
  private readonly requests: Histogram<'method' | 'route' | 'status'>;

  constructor(database: Database) {
    collectDefaultMetrics({ register: this.registry });
    this.requests = new Histogram({
      name: 'wagate_http_request_duration_seconds',
      help: 'Time from arrival to the end of the answer',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers: [this.registry],
    });
    new Gauge({
      name: 'wagate_database_connections',
      help: 'Connections of the pool, by state; waiting are requests without one',
      labelNames: ['state'],
      registers: [this.registry],
      collect() {
        const { total, idle, waiting } = database.poolState();
        this.set({ state: 'busy' }, total - idle);
        this.set({ state: 'idle' }, idle);
        this.set({ state: 'waiting' }, waiting);
      },
    });
  }

  /** Notes an answered request, by the pattern of its route. */
  observe(request: ApiRequest, reply: ApiReply): void {
    const labels = { method: request.method, route: routeOf(request), status: String(reply.statusCode) };
    this.requests.observe(labels, (performance.now() - request.arrivedMs) / 1000);
  }
}
