import jsqr from 'jsqr';
import { PNG } from 'pngjs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import { connected, Refusal, ScriptedNode, snapshot } from './scripted-node.js';
import { expectProblem, type SessionBody } from './session-bodies.js';

/** The package's types describe a module that exports `default`; what it exports is the function itself. */
const jsQR = jsqr as unknown as typeof jsqr.default;
const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g');
const SECRET_QR = '2@Qx7secret/of+this==,login,parts,1';
const pairing = () => snapshot({ state: 'pairing', reason: 'scan_qr', action: 'scan_qr' });

interface QrBody {
  qr: string;
  dataUrl: string;
  expiresAt: string;
  attempt: number;
}

let api: TestApi;
let node: ScriptedNode;
let tenant: TestTenant;
let made = 0;

beforeAll(async () => {
  api = await startApi();
  node = await new ScriptedNode(api, 'node-1').start();
  tenant = await api.createTenant();
});

afterEach(() => {
  for (const command of Object.keys(node.scripts) as (keyof typeof node.scripts)[])
    delete node.scripts[command];
});

afterAll(async () => {
  await node?.stop();
  await api?.close();
});

async function started(owner = tenant): Promise<SessionBody> {
  made += 1;
  const name = `session-${String(made)}`;
  const created = await owner.client.post<SessionBody>('/sessions', { name });
  await owner.client.post(`/sessions/${name}/start`);
  return created.body;
}

function showQr(): void {
  const expiresAt = new Date(Date.now() + 20_000).toISOString();
  node.scripts['session.qr'] = () => ({ snapshot: pairing(), qr: { qr: SECRET_QR, expiresAt, attempt: 2 } });
}

async function auditOf(sessionId: string): Promise<string[]> {
  const rows = await api.database.tenantSql(tenant.tenantId, (query) =>
    query<{ action: string }>(
      'SELECT action FROM audit_log WHERE tenant_id = $1 AND target_id = $2 ORDER BY id',
      [tenant.tenantId, sessionId],
    ),
  );
  return rows.map((row) => row.action);
}

function readPng(bytes: Buffer): string | undefined {
  const image = PNG.sync.read(bytes);
  return jsQR(new Uint8ClampedArray(image.data), image.width, image.height)?.data;
}

/** Reads what a terminal shows: black half blocks on white, as the first colours of each line say. */
function readTerminal(text: string): string | undefined {
  const lines = text.split('\n').filter((line) => line.startsWith('\u001b[47m\u001b[30m'));
  const rows = lines.map((line) => line.replaceAll(COLOUR, '')).filter((line) => line.includes(' '));
  const module = 4;
  const quiet = 4 * module;
  const side = (rows[0]?.length ?? 0) * module + 2 * quiet;
  const pixels = new Uint8ClampedArray(side * side * 4).fill(255);
  for (let y = 0; y < rows.length * 2 * module; y += 1) {
    for (let x = 0; x < side - 2 * quiet; x += 1) {
      const block = rows[Math.floor(y / module / 2)]?.[Math.floor(x / module)] ?? ' ';
      const isTop = Math.floor(y / module) % 2 === 0;
      if (block === '█' || block === (isTop ? '▀' : '▄')) {
        pixels.fill(0, ((y + quiet) * side + x + quiet) * 4, ((y + quiet) * side + x + quiet) * 4 + 3);
      }
    }
  }
  return jsQR(pixels, side, side)?.data;
}

describe('the QR code', () => {
  it('comes in every format, readable, and is not to be kept by anyone', async () => {
    const session = await started();
    showQr();
    const json = await tenant.client.get<QrBody>(`/sessions/${session.id}/qr`);
    expect(json.status).toBe(200);
    expect(json.body).toMatchObject({ qr: SECRET_QR, attempt: 2 });
    expect(readPng(Buffer.from(json.body.dataUrl.replace('data:image/png;base64,', ''), 'base64'))).toBe(
      SECRET_QR,
    );
    const png = await tenant.client.get(`/sessions/${session.id}/qr?format=png`);
    expect(png.headers.get('content-type')).toBe('image/png');
    expect(readPng(png.bytes)).toBe(SECRET_QR);
    const svg = await tenant.client.get(`/sessions/${session.id}/qr?format=svg`);
    expect(svg.headers.get('content-type')).toContain('image/svg+xml');
    expect(svg.bytes.toString()).toContain('<svg');
    const terminal = await tenant.client.get(`/sessions/${session.id}/qr?format=terminal`);
    expect(terminal.headers.get('content-type')).toContain('text/plain');
    expect(readTerminal(terminal.bytes.toString())).toBe(SECRET_QR);
    for (const answer of [json, png, svg, terminal])
      expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('is neither stored nor logged', async () => {
    const session = await started();
    showQr();
    await tenant.client.get(`/sessions/${session.id}/qr`);
    expect(JSON.stringify(api.logged)).not.toContain('Qx7secret');
    const rows = await api.database.workerSql((query) =>
      query('SELECT s.*, a.detail AS audited FROM sessions s LEFT JOIN audit_log a ON a.target_id = s.id'),
    );
    expect(JSON.stringify(rows)).not.toContain('Qx7secret');
  });

  it('is waited for by the node, and what the node saw meanwhile is shown', async () => {
    const session = await started();
    const waits: number[] = [];
    node.scripts['session.qr'] = ({ waitMs }) => {
      waits.push(waitMs);
      return { snapshot: pairing(), qr: null };
    };
    const answer = await tenant.client.get(`/sessions/${session.id}/qr?wait=7`);
    const problem = expectProblem(answer, 409, 'qr_not_available');
    expect(problem.detail).toContain('wait=20');
    expectProblem(await tenant.client.get(`/sessions/${session.id}/qr?wait=30`), 409, 'qr_not_available');
    expect(waits).toEqual([7000, 30_000]);
    const seen = await tenant.client.get<SessionBody>(`/sessions/${session.id}`);
    expect(seen.body).toMatchObject({ state: 'pairing', status: 'qr_pending' });
  });

  it('is refused with the reason: not started, connected, node away', async () => {
    const created = await tenant.client.post<SessionBody>('/sessions', { name: 'idle' });
    const idle = await tenant.client.get(`/sessions/${created.body.id}/qr`);
    expect(expectProblem(idle, 409, 'qr_not_available').detail).toContain('start it first');
    const session = await started();
    await node.become(session.id, connected('4915112345678'));
    const linked = await tenant.client.get(`/sessions/${session.id}/qr?wait=20`);
    expect(expectProblem(linked, 409, 'qr_not_available').detail).toContain('connected');
    const other = await started();
    await node.stop();
    expectProblem(await tenant.client.get(`/sessions/${other.id}/qr`), 503, 'node_unavailable');
    await node.start();
  });

  it.each([
    ['format=gif', 'format'],
    ['wait=31', 'wait'],
    ['wait=-1', 'wait'],
    ['wait=soon', 'wait'],
    ['size=3', 'size'],
  ])('is refused for %s, and the field is named', async (query, path) => {
    const session = await started();
    const answer = await tenant.client.get(`/sessions/${session.id}/qr?${query}`);
    expect(expectProblem(answer, 400, 'invalid_request').errors?.[0]?.path).toBe(path);
  });
});

describe('a pairing code', () => {
  it('is given three times in ten minutes for one number', async () => {
    const session = await started();
    node.scripts['session.pairing-code'] = ({ phone }) => ({ code: `CODE-${phone.slice(-4)}` });
    const ask = (phone: string) => tenant.client.post(`/sessions/${session.id}/pairing-code`, { phone });
    for (const written of ['+49 151 12340001', '4915112340001', '+49 (151) 1234-0001']) {
      const answer = await ask(written);
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual({ code: 'CODE-0001' });
      expect(answer.headers.get('cache-control')).toBe('no-store');
    }
    const fourth = await ask('+4915112340001');
    expectProblem(fourth, 429, 'pairing_limit_reached');
    expect(Number(fourth.headers.get('retry-after'))).toBeGreaterThan(550);
    expect((await ask('+4915112340002')).status).toBe(200);
    expect(node.callsOf('session.pairing-code')).toHaveLength(4);
    expect(await auditOf(session.id)).toEqual([
      'session.created',
      ...Array.from({ length: 4 }, () => 'session.pairing_code_requested'),
    ]);
    expect(JSON.stringify(api.logged)).not.toContain('CODE-0001');
  });

  it('does not count when the node refused, and passes the refusal on', async () => {
    const session = await started();
    node.scripts['session.pairing-code'] = () => new Refusal('qr_not_available');
    for (let i = 0; i < 4; i += 1) {
      const answer = await tenant.client.post(`/sessions/${session.id}/pairing-code`, {
        phone: '+4915112340003',
      });
      expectProblem(answer, 409, 'qr_not_available');
    }
  });

  it('is in the audit log before the node is asked for it', async () => {
    const session = await started();
    const seen: string[][] = [];
    node.scripts['session.pairing-code'] = async () => {
      seen.push(await auditOf(session.id));
      return { code: 'CODE' };
    };
    await tenant.client.post(`/sessions/${session.id}/pairing-code`, { phone: '+4915112340005' });
    expect(seen).toEqual([['session.created', 'session.pairing_code_requested']]);
  });

  it('is refused for a session that does not run or is linked, and for a number that is none', async () => {
    const created = await tenant.client.post<SessionBody>('/sessions', { name: 'idle-2' });
    const ask = (id: string, phone: unknown) => tenant.client.post(`/sessions/${id}/pairing-code`, { phone });
    expectProblem(await ask(created.body.id, '+4915112340004'), 409, 'invalid_state');
    const session = await started();
    await node.become(session.id, connected('4915112345678'));
    expectProblem(await ask(session.id, '+4915112340004'), 409, 'session_already_linked');
    for (const phone of ['12', 'call me', '+49', 4915112340004, undefined]) {
      const answer = await ask(session.id, phone);
      expect(expectProblem(answer, 400, 'invalid_request').errors?.[0]?.path).toBe('phone');
    }
  });
});

describe('diagnostics', () => {
  it('say what the node knows and what waits, and nothing of the machine', async () => {
    const session = await started();
    node.scripts['session.diagnostics'] = () => ({
      snapshot: snapshot(),
      waVersion: '2.3000.1',
      shims: [{ name: 'msg-key', state: 'active' }],
      brokenContracts: [],
      lastProbe: null,
      lastInboundAt: null,
      lastAckAt: null,
      restartsLastHour: 0,
      browserPid: 4711,
      memoryBytes: 123,
      sandbox: true,
      quarantinedEvents: 0,
      pendingEvents: 0,
    });
    const answer = await tenant.client.get(`/sessions/${session.id}/diagnostics`);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      session: { id: session.id },
      queue: { queued: 0, oldestSeconds: null },
      waVersion: '2.3000.1',
      memoryBytes: 123,
    });
    expect(answer.body).not.toHaveProperty('browserPid');
  });

  it('need a session that was started once', async () => {
    const created = await tenant.client.post<SessionBody>('/sessions', { name: 'idle-3' });
    expectProblem(await tenant.client.get(`/sessions/${created.body.id}/diagnostics`), 409, 'invalid_state');
  });
});
