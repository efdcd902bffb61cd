import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import { connected, Refusal, ScriptedNode } from './scripted-node.js';
import { expectProblem, type SessionBody } from './session-bodies.js';

let api: TestApi;
let node: ScriptedNode;
let tenant: TestTenant;

beforeAll(async () => {
  api = await startApi();
  node = await new ScriptedNode(api, 'node-1').start();
  tenant = await api.createTenant();
});

afterAll(async () => {
  await node?.stop();
  await api?.close();
});

async function linked(): Promise<SessionBody> {
  const created = await tenant.client.post<SessionBody>('/sessions');
  await tenant.client.post(`/sessions/${created.body.id}/start`);
  await node.become(created.body.id, connected('4915112345678'));
  return created.body;
}

describe('checking numbers', () => {
  it('asks the node once for each number, and is paced', async () => {
    const { id } = await linked();
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
    const { id } = await linked();
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
    const { id } = await linked();
    node.scripts['number.check'] = () => new Refusal('session_not_connected');
    const answer = await tenant.client.post('/contacts/check', { session: id, phones: ['+4915100000001'] });
    expectProblem(answer, 409, 'session_not_connected');
  });

  it('is paced together with dry runs, which go on without asking', async () => {
    const { id } = await linked();
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
