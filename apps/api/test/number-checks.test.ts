import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TestTenant } from '../../../test/support/start-api.js';
import { Refusal, type ScriptedNode } from './scripted-node.js';
import { expectProblem } from './session-bodies.js';
import { SessionSteps } from './session-steps.js';

let steps: SessionSteps;
let node: ScriptedNode;
let tenant: TestTenant;

beforeAll(async () => {
  steps = await SessionSteps.start();
  ({ node, tenant } = steps);
});

// On a slow machine the node would count as silent by then.
beforeEach(() => node.heartbeat());

afterAll(() => steps?.close());

describe('checking numbers', () => {
  it('asks the node once for each number, and is paced', async () => {
    const { id } = await steps.linked();
    node.scripts['number.check'] = ({ phones }) => ({
      results: phones.map((phone) => ({ phone, exists: phone.endsWith('1'), waId: null, lid: null })),
    });
    const check = (phones: string[]) =>
      tenant.client.post<{ results: unknown[] }>('/contacts/check', { session: id, phones });
    const answer = await check(['+4915100000001', '49 151 00000001', '4915100000002']);
    expect(answer.status).toBe(200);
    expect(answer.body.results).toEqual([
      { phone: '4915100000001', exists: true, waId: null, lid: null },
      { phone: '4915100000002', exists: false, waId: null, lid: null },
    ]);
    const limited = await check(
      Array.from({ length: 20 }, (_, i) => `+49151000001${String(i).padStart(2, '0')}`),
    );
    expectProblem(limited, 429, 'rate_limited');
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(node.callsOf('number.check')).toHaveLength(1);
  });

  it('needs a connected session, and numbers', async () => {
    const { id } = await steps.linked();
    await tenant.client.post(`/sessions/${id}/stop`);
    const check = (body: object) => tenant.client.post('/contacts/check', { session: id, ...body });
    const stopped = await check({ phones: ['+4915100000001'] });
    expect(expectProblem(stopped, 409, 'session_not_connected').detail).toContain('start it');
    const wrong = await check({ phones: ['+4915100000001', 'nobody'] });
    expect(expectProblem(wrong, 400, 'invalid_request').errors?.[0]?.path).toBe('phones.1');
    expectProblem(await check({ phones: [] }), 400, 'invalid_request');
    expectProblem(
      await check({ phones: Array.from({ length: 21 }, () => '+4915100000001') }),
      400,
      'invalid_request',
    );
    const any = await tenant.client.post('/contacts/check', { phones: ['+4915100000001'] });
    expectProblem(any, 409, 'session_required');
  });

  it('passes on what the node refuses', async () => {
    const { id } = await steps.linked();
    node.scripts['number.check'] = () => new Refusal('session_not_connected');
    const answer = await tenant.client.post('/contacts/check', { session: id, phones: ['+4915100000001'] });
    expectProblem(answer, 409, 'session_not_connected');
  });

  it('is paced together with dry runs, which go on without asking', async () => {
    const { id } = await steps.linked();
    node.scripts['number.check'] = ({ phones }) => ({
      results: phones.map((phone) => ({ phone, exists: true, waId: null, lid: null })),
    });
    const before = node.callsOf('number.check').length;
    const phones = Array.from({ length: 19 }, (_, i) => `+49151000002${String(i).padStart(2, '0')}`);
    await tenant.client.post('/contacts/check', { session: id, phones });
    const dryRun = async () => {
      const message = { session: id, to: '+4915100000300', type: 'text', text: 'Hello' };
      const answer = await tenant.client.post<{ onWhatsApp: unknown }>('/messages?dryRun=true', message);
      expect(answer.status).toBe(200);
      return answer.body.onWhatsApp;
    };
    const answers = await Promise.all(Array.from({ length: 6 }, dryRun));
    expect(answers.filter((known) => known === true).length).toBeLessThan(6);
    expect(answers).toContain(true);
    expect(answers).toContain(null);
    expect(node.callsOf('number.check').length - before).toBe(
      1 + answers.filter((known) => known === true).length,
    );
  });
});
