import { expect } from 'vitest';
import type { Answer } from '../../../test/support/http-client.js';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import { connected, ScriptedNode } from './scripted-node.js';
import type { SessionBody } from './session-bodies.js';

/** The api with one node, and a tenant with room for the sessions of a whole file. */
export class SessionSteps {
  private made = 0;

  private constructor(
    readonly api: TestApi,
    readonly node: ScriptedNode,
    readonly tenant: TestTenant,
  ) {}

  static async start(): Promise<SessionSteps> {
    const api = await startApi();
    const tenant = await api.createTenant();
    await api.database.workerSql((query) =>
      query('UPDATE tenants SET max_sessions = 1000 WHERE id = $1', [tenant.tenantId]),
    );
    return new SessionSteps(api, await new ScriptedNode(api, 'node-1').start(), tenant);
  }

  async close(): Promise<void> {
    await this.node.stop();
    await this.api.close();
  }

  async create(): Promise<SessionBody> {
    this.made += 1;
    const name = `session-${String(this.made)}`;
    const answer = await this.tenant.client.post<SessionBody>('/sessions', { name });
    expect(answer.status).toBe(201);
    return answer.body;
  }

  /** A session that runs and is connected. */
  async linked(phone = '4915112345678'): Promise<SessionBody> {
    const session = await this.create();
    await this.act(session, 'start');
    await this.node.become(session.id, connected(phone));
    return session;
  }

  act(session: SessionBody, verb: string): Promise<Answer<SessionBody>> {
    return this.tenant.client.post<SessionBody>(`/sessions/${session.id}/${verb}`);
  }

  async read(session: SessionBody): Promise<SessionBody> {
    return (await this.tenant.client.get<SessionBody>(`/sessions/${session.id}`)).body;
  }

  /** Nothing was heard of the node for so long. */
  async silence(nodeName: string, seconds: number): Promise<void> {
    await this.api.database.workerSql((query) =>
      query('UPDATE nodes SET last_seen_at = now() - make_interval(secs => $2) WHERE name = $1', [
        nodeName,
        seconds,
      ]),
    );
  }
}
