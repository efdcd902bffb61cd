import type { ApiReply } from './request.js';

/** Aborted when the client closes its connection before it was answered. */
export function hangUpOf({ raw }: ApiReply): AbortSignal {
  const hangUp = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished) hangUp.abort();
  });
  return hangUp.signal;
}
