import { setTimeout as delay } from 'node:timers/promises';
import type { EventEnvelope } from '#contracts';
import type { ApiAccess } from './api-access.js';

const RETRY_MS = 1_000;

export interface ListenOptions {
  /** `seq` of the last event that is known; undefined: from now on. */
  after: number | undefined;
  types: string | undefined;
  session: string | undefined;
  /** Told when the API has opened the stream, each time. */
  opened: () => void;
  /** Told when the stream broke off and is tried again. */
  interrupted: (reason: string) => void;
}

/**
 * The events of the API's stream, each once: after a break it goes on behind the last one. Ends only by an error that
 * trying again does not mend.
 */
export async function* listenToEvents(
  access: ApiAccess,
  options: ListenOptions,
): AsyncGenerator<EventEnvelope> {
  let { after } = options;
  for (;;) {
    try {
      for await (const event of readStream(access, { ...options, after })) {
        after = event.seq;
        yield event;
      }
      options.interrupted('the stream ended');
    } catch (error) {
      if (error instanceof RefusedError) throw error;
      options.interrupted(error instanceof Error ? error.message : 'unknown');
    }
    await delay(RETRY_MS);
  }
}

/** The API says no: the key, or a filter, is wrong. */
class RefusedError extends Error {}

async function* readStream(
  { url, key }: ApiAccess,
  { after, types, session, opened }: ListenOptions,
): AsyncGenerator<EventEnvelope> {
  const query = new URLSearchParams();
  if (after !== undefined) query.set('after', String(after));
  if (types !== undefined) query.set('types', types);
  if (session !== undefined) query.set('session', session);
  const answer = await fetch(`${url}/events/stream?${query.toString()}`, {
    headers: { authorization: `Bearer ${key}` },
  });
  if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) {
    const { code, detail } = (await answer.json()) as { code: string; detail: string };
    throw new RefusedError(`${String(answer.status)} ${code}: ${detail}`);
  }
  if (!answer.ok || !answer.body) throw new Error(`the API answers ${String(answer.status)}`);
  opened();
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    const frames = text.split('\n\n');
    text = frames.pop() ?? '';
    for (const frame of frames) {
      const data = /^data: (.*)$/m.exec(frame)?.[1];
      if (data !== undefined) yield JSON.parse(data) as EventEnvelope;
    }
  }
}
