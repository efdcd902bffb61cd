import type { HttpClient } from './http-client.js';
import type { Stack } from './stack.js';
import { waitFor } from './wait-for.js';

export interface SessionView {
  id: string;
  name: string;
  state: string;
  reason: string;
  me: { phone: string } | null;
}

export interface MessageView {
  id: string;
  direction: 'in' | 'out';
  type: string;
  status: string;
  text: string | null;
  caption: string | null;
  chat: { id: string };
  from: { phone: string | null } | null;
  media: {
    id: string;
    state: string;
    sha256: string | null;
    size: number | null;
    mimeType: string;
    error: string | null;
  } | null;
  error: { code: string; message: string } | null;
}

/** The states in which nothing more happens to a message that was sent. */
export const ENDED = [
  'sent',
  'delivered',
  'read',
  'played',
  'failed',
  'expired',
  'cancelled',
  'unknown_final',
];

let lastPhone = 0;

/** A valid German mobile number that no other test of this run uses. */
export function newPhone(): string {
  lastPhone += 1;
  return `4915112${String(process.pid % 1000).padStart(3, '0')}${String(lastPhone).padStart(3, '0')}`;
}

export async function waitForState(
  client: HttpClient,
  sessionId: string,
  state: string,
): Promise<SessionView> {
  let seen: SessionView | undefined;
  const reached = waitFor(
    async () => {
      seen = (await client.get<SessionView>(`/sessions/${sessionId}`)).body;
      return seen.state === state ? seen : undefined;
    },
    { what: `session to be ${state}`, deadlineMs: 150_000, pollMs: 100 },
  );
  return reached.catch((error: unknown) => {
    throw new Error(`${String(error)}; it is ${seen?.state ?? '?'} (${seen?.reason ?? '?'})`, {
      cause: error,
    });
  });
}

/** Creates a session, starts it, scans its QR with a simulated phone and waits until it is connected. */
export async function linkSession(
  stack: Stack,
  client: HttpClient,
  phone: string,
  name?: string,
): Promise<SessionView> {
  const created = await client.post<SessionView>('/sessions', name ? { name } : {});
  if (created.status !== 201) throw new Error(`session was not created: ${created.bytes.toString()}`);
  const started = await client.post(`/sessions/${created.body.id}/start`);
  if (started.status >= 300) throw new Error(`session was not started: ${started.bytes.toString()}`);
  await scan(stack, client, created.body.id, phone);
  return waitForState(client, created.body.id, 'connected');
}

/** Scans the session's QR; again with the next one when WhatsApp changed it in between. */
export async function scan(
  stack: Stack,
  client: HttpClient,
  sessionId: string,
  phone: string,
): Promise<void> {
  await waitFor(
    async () => {
      const shown = await client.get<{ qr?: string }>(`/sessions/${sessionId}/qr?format=json&wait=20`);
      if (!shown.body.qr) return undefined;
      return (await stack.simulated.post('/scan', { qr: shown.body.qr, phone })).status === 201;
    },
    { what: 'the QR to be scanned', deadlineMs: 120_000, pollMs: 100 },
  );
}

export interface SentView {
  waMessageId: string;
  to: string;
  type: string;
  body: string | null;
  caption: string | null;
  media: { sha256: string; size: number; filename: string | null } | null;
  handOvers: number;
}

/** What the simulator was handed by a phone's logins. */
export async function sentBy(stack: Stack, phone: string): Promise<SentView[]> {
  return (await stack.simulated.get<SentView[]>(`/sent?from=${phone}&limit=100000`)).body;
}

export async function waitForMessage(
  client: HttpClient,
  id: string,
  test: (message: MessageView) => boolean,
  what: string,
): Promise<MessageView> {
  let seen: MessageView | undefined;
  const reached = waitFor(
    async () => {
      seen = (await client.get<MessageView>(`/messages/${id}`)).body;
      return test(seen) ? seen : undefined;
    },
    { what, deadlineMs: 90_000, pollMs: 50 },
  );
  return reached.catch((error: unknown) => {
    throw new Error(`${String(error)}; its status is ${seen?.status ?? '?'}`, { cause: error });
  });
}

/** Waits for a message that came in and satisfies `test`. */
export function waitForInbound(
  client: HttpClient,
  sessionId: string,
  test: (message: MessageView) => boolean,
  what: string,
): Promise<MessageView> {
  return waitFor(
    async () => {
      const list = await client.get<{ data: MessageView[] }>(
        `/messages?session=${sessionId}&direction=in&limit=100`,
      );
      return list.body.data.find(test);
    },
    { what, deadlineMs: 90_000, pollMs: 100 },
  );
}
