import type { EventEnvelope } from '#contracts';
import { newWebhookSecret, signatureHeaders } from '../webhooks/index.js';
import { readAccess } from './api-access.js';
import { listenToEvents } from './event-source.js';

export interface ListenArguments {
  forward?: string;
  secret?: string;
  after?: number;
  types?: string;
  session?: string;
  json?: true;
}

const FORWARD_TIMEOUT_MS = 15_000;
const say = (line: string) => void process.stderr.write(`${line}\n`);

/** `wagate listen`: shows events as they happen, and posts them, signed, to a URL on this machine. */
export async function listen({ forward, json, ...options }: ListenArguments): Promise<void> {
  const access = readAccess();
  const secret = options.secret ?? newWebhookSecret();
  let isFirst = true;
  const opened = () => {
    if (!isFirst) return;
    isFirst = false;
    if (forward !== undefined && options.secret === undefined) say(`signing with ${secret}`);
    say('listening; Ctrl-C ends it');
  };
  const events = listenToEvents(access, {
    after: options.after,
    types: options.types,
    session: options.session,
    opened,
    interrupted: (reason) => say(`${reason}; coming back`),
  });
  for await (const event of events) {
    const outcome = forward === undefined ? undefined : await post(forward, secret, event);
    if (json) process.stdout.write(`${JSON.stringify(event)}\n`);
    else process.stdout.write(`${lineOf(event)}${outcome === undefined ? '' : `  → ${outcome}`}\n`);
  }
}

async function post(url: string, secret: string, event: EventEnvelope): Promise<string> {
  const body = JSON.stringify(event);
  const timestamp = Math.floor(Date.now() / 1_000);
  const startMs = performance.now();
  try {
    const answer = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        ...signatureHeaders([secret], { id: event.id, timestamp, body }),
      },
      body,
      signal: AbortSignal.timeout(FORWARD_TIMEOUT_MS),
    });
    await answer.body?.cancel();
    return `${String(answer.status)} in ${String(Math.round(performance.now() - startMs))} ms`;
  } catch {
    return 'no answer';
  }
}

function lineOf({ seq, createdAt, type, session, data }: EventEnvelope): string {
  const about = ['messageId', 'chatId', 'mediaId', 'state', 'reason']
    .map((name) => data[name])
    .filter((value) => typeof value === 'string');
  return [String(seq).padStart(6), createdAt.slice(11, 19), type, session?.name ?? '-', ...about].join('  ');
}
