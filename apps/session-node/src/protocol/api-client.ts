import {
  eventBatchAnswerSchema,
  heartbeatAnswerSchema,
  type eventBatchSchema,
  type Heartbeat,
  type HeartbeatAnswer,
} from '#contracts';
import { AppError } from '#kernel';
import { signRequest } from '#runtime';
import type { z } from 'zod';

export type EventBatch = z.infer<typeof eventBatchSchema>;
export type EventBatchAnswer = z.infer<typeof eventBatchAnswerSchema>;

const EVENTS_TIMEOUT_MS = 15_000;
const HEARTBEAT_TIMEOUT_MS = 5_000;

/** The api answered, and will answer the same to the same request. */
export class ApiRefusal extends AppError {
  constructor(status: number) {
    super('invalid_request', `the api refused the request with status ${status}`);
  }
}

/** True when trying the same request again is useless. */
export function isRefusal(error: unknown): boolean {
  return error instanceof ApiRefusal;
}

/** The api as a node sees it: it takes events and heartbeats. Every call is signed and has a deadline. */
export class ApiClient {
  constructor(
    private readonly apiUrl: string,
    private readonly secret: string,
  ) {}

  /** @throws a refusal (see {@link isRefusal}) for 400, 413 and 422; AppError or network error otherwise */
  postEvents(batch: EventBatch): Promise<EventBatchAnswer> {
    return this.post('/internal/events', batch, eventBatchAnswerSchema, EVENTS_TIMEOUT_MS);
  }

  heartbeat(beat: Heartbeat): Promise<HeartbeatAnswer> {
    return this.post('/internal/nodes/heartbeat', beat, heartbeatAnswerSchema, HEARTBEAT_TIMEOUT_MS);
  }

  private async post<T>(path: string, content: unknown, schema: z.ZodType<T>, timeoutMs: number): Promise<T> {
    const url = new URL(path, this.apiUrl);
    const body = JSON.stringify(content);
    const response = await fetch(url, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/json',
        ...signRequest(this.secret, { method: 'POST', path: url.pathname, body }),
      },
      signal: AbortSignal.timeout(timeoutMs),
      redirect: 'error',
    });
    if ([400, 413, 422].includes(response.status)) {
      await response.body?.cancel();
      throw new ApiRefusal(response.status);
    }
    if (!response.ok) {
      await response.body?.cancel();
      throw new AppError('service_unavailable', `the api answered with status ${response.status}`);
    }
    return schema.parse(await response.json());
  }
}
