import http from 'node:http';
import https from 'node:https';

export interface DeadlineTransport {
  request: typeof http.request;
}

/**
 * The transport of the minio client, which sets no time limit of its own: a request or an answer on which nothing
 * moves for `idleTimeoutMs` is ended with an error.
 */
export function deadlineTransport(isSecure: boolean, idleTimeoutMs: number): DeadlineTransport {
  const agent = new (isSecure ? https : http).Agent({ keepAlive: true, maxSockets: 128 });
  const start = isSecure ? https.request : http.request;
  const request = (options: http.RequestOptions, listener?: (answer: http.IncomingMessage) => void) => {
    const started = start({ ...options, agent }, listener);
    started.setTimeout(idleTimeoutMs, () =>
      started.destroy(new Error(`nothing came for ${idleTimeoutMs} ms`)),
    );
    return started;
  };
  return { request: request as typeof http.request };
}
