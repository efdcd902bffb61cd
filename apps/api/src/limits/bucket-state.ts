/** How a token bucket stands after a request, with all times in seconds, rounded up. */
export interface BucketState {
  allowed: boolean;
  /** Whole tokens that are left. */
  remaining: number;
  /** Until the bucket is full again. */
  resetSeconds: number;
  /** Until there is a token; 0 when this request got one. */
  retryAfterSeconds: number;
}

/** @param tokens left, after one was taken for an allowed request */
export function bucketStateOf(
  tokens: number,
  allowed: boolean,
  { ttlMs, limit }: { ttlMs: number; limit: number },
): BucketState {
  const secondsFor = (missing: number) => Math.ceil((Math.max(0, missing) * ttlMs) / limit / 1000);
  return {
    allowed,
    remaining: Math.max(0, Math.floor(tokens)),
    resetSeconds: secondsFor(limit - tokens),
    retryAfterSeconds: allowed ? 0 : Math.max(1, secondsFor(1 - tokens)),
  };
}
