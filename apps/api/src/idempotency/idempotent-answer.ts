/**
 * An answer that may be a stored one. Returned from a controller it becomes the response: its status, its body, and
 * `Idempotent-Replayed: true` when it is the answer to an earlier request.
 */
export class IdempotentAnswer<T> {
  constructor(
    readonly status: number,
    readonly body: T,
    readonly replayed = false,
    /** The body as JSON, where it was made already. */
    readonly json?: string,
  ) {}
}
