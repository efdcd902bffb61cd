import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { AppError, newId } from '#kernel';
import { PROBLEM_CONTENT_TYPE, toProblem } from './problem.js';

/** The answer that a connection waits for; Node's own field (lib/_http_server.js). */
type HttpSocket = Socket & { _httpMessage?: ServerResponse | null };

const waiting = new WeakSet<Socket>();

/**
 * What Node's HTTP parser refuses never becomes a request; it is still told as a problem. But where a whole request came
 * before it on the connection, the refusal would be taken for the answer to that: it gets its own, and then the
 * connection ends.
 */
export function answerUnreadable(_error: Error, socket: HttpSocket): void {
  if (waiting.has(socket)) return;
  const due = socket._httpMessage;
  if (due?.req.complete && !due.writableFinished) {
    waiting.add(socket);
    due.once('finish', () => {
      waiting.delete(socket);
      endAfterAnswers(socket);
    });
    return;
  }
  if (!socket.writable || socket.bytesWritten > 0) {
    socket.destroy();
    return;
  }
  const requestId = newId('req');
  const body = JSON.stringify(
    toProblem(new AppError('invalid_request', 'the HTTP request is not readable'), requestId),
  );
  socket.write(
    `HTTP/1.1 400 Bad Request\r\nContent-Type: ${PROBLEM_CONTENT_TYPE}\r\nX-Request-Id: ${requestId}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
  // Not only its own side: one that sends half a request and waits would stay for ever.
  socket.destroySoon();
}

/** By now Node has put the next answer in the place of the one that is finished, where several requests came at once. */
function endAfterAnswers(socket: HttpSocket): void {
  const due = socket._httpMessage;
  if (due?.req.complete) due.once('finish', () => endAfterAnswers(socket));
  else socket.destroySoon();
}
