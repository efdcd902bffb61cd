import { setTimeout as delay } from 'node:timers/promises';
import type { SessionView } from '../sessions/index.js';
import { callApi, callSimulator, readAccess, type ApiAccess } from './api-access.js';

const LINK_WAIT_MS = 180_000;
const LOOK_EVERY_MS = 1_000;
/** A contact of the simulator that npm start brings along. */
const SOMEBODY = '12025550112';

type Print = (json: boolean | undefined, result: Record<string, unknown>) => void;

const pathOf = (session: string) => `/sessions/${encodeURIComponent(session)}`;

/** `wagate sessions`: every session, one line each. */
export async function listSessions(): Promise<Record<string, unknown>[]> {
  const access = readAccess();
  const { data } = await callApi<{ data: SessionView[] }>(access, 'GET', '/sessions?limit=100');
  return data.map(({ id, name, state, reason, me }) => ({
    id,
    name,
    state,
    reason,
    phone: me?.phone ?? '-',
  }));
}

/** `wagate qr`: starts the session, shows its QR code in the terminal, and waits until it is scanned. */
export async function showQr(session: string): Promise<Record<string, unknown>> {
  const access = readAccess();
  await callApi(access, 'POST', `${pathOf(session)}/start`);
  let shown = '';
  for (const deadline = performance.now() + LINK_WAIT_MS; performance.now() < deadline;) {
    const view = await callApi<SessionView>(access, 'GET', pathOf(session));
    if (view.state === 'connected')
      return { session: view.name, state: view.state, phone: view.me?.phone ?? '-' };
    if (view.state === 'failed' || view.state === 'stopped')
      throw new Error(`${view.name}: ${view.reasonText}`);
    const qr = view.state === 'pairing' ? await readQr(access, session) : shown;
    if (qr !== shown) process.stderr.write(`${qr}\nscan it: WhatsApp › Linked devices\n`);
    shown = qr;
    await delay(LOOK_EVERY_MS);
  }
  throw new Error('it was not scanned in three minutes; ask again for a fresh code');
}

async function readQr({ url, key }: ApiAccess, session: string): Promise<string> {
  const answer = await fetch(`${url}${pathOf(session)}/qr?format=terminal&wait=5`, {
    headers: { authorization: `Bearer ${key}` },
  });
  return answer.ok ? answer.text() : '';
}

export interface SendArguments {
  session?: string;
  to: string;
  text: string;
  wait?: 'sent' | 'delivered';
}

/** `wagate send`: sends a text. */
export async function sendText({ wait, ...message }: SendArguments): Promise<Record<string, unknown>> {
  const access = readAccess();
  const path = wait === undefined ? '/messages' : `/messages?wait=${wait}`;
  const { id, status } = await callApi<{ id: string; status: string }>(access, 'POST', path, {
    type: 'text',
    ...message,
  });
  return { id, status };
}

export interface TriggerArguments {
  session: string;
  from?: string;
  text?: string;
}

/** What can be made to happen, and how: a phone of the simulator does it. */
const TRIGGERS: Record<
  string,
  (access: ApiAccess, phone: string, by: Required<TriggerArguments>) => Promise<unknown>
> = {
  'message.received': (access, phone, { from, text }) => receive(access, phone, from, text),
  'message.edited': async (access, phone, { from, text }) => {
    const id = await receive(access, phone, from, text);
    return callSimulator(access, `/messages/${id}/edit`, { body: `${text} (edited)` });
  },
  'message.revoked': async (access, phone, { from, text }) => {
    const id = await receive(access, phone, from, text);
    return callSimulator(access, `/messages/${id}/revoke`, {});
  },
  'message.reaction': async (access, phone, { from, text }) => {
    const id = await receive(access, phone, from, text);
    return callSimulator(access, `/messages/${id}/react`, { from, emoji: '👍' });
  },
  'session.logged_out': (access, phone) => callSimulator(access, `/logins/${phone}/unlink`, {}),
};
export const TRIGGER_TYPES = Object.keys(TRIGGERS);

/** `wagate trigger`: lets something happen to a session of the simulator. */
export async function trigger(
  type: string,
  options: TriggerArguments,
  print: Print,
  json?: true,
): Promise<void> {
  const access = readAccess();
  const run = TRIGGERS[type];
  if (!run) throw new Error(`"${type}" cannot be triggered; these can: ${TRIGGER_TYPES.join(', ')}`);
  const view = await callApi<SessionView>(access, 'GET', pathOf(options.session));
  if (!view.me) throw new Error(`${view.name} is not linked to a phone; see wagate qr ${view.name}`);
  const { session, from = SOMEBODY, text = 'Hello' } = options;
  await callSimulator(access, '/accounts', { phone: from, name: 'Somebody' });
  await run(access, view.me.phone, { session, from, text });
  print(json, { triggered: type, session: view.name });
}

async function receive(access: ApiAccess, to: string, from: string, body: string): Promise<string> {
  const { id } = await callSimulator<{ id: string }>(access, '/messages', { from, to, type: 'text', body });
  return id;
}
