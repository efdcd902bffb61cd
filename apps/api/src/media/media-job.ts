import type { NodeResponse } from '#contracts';
import type { NewEvent } from '../events/index.js';
import { retryWaitMs } from './media-schedule.js';
import { mediaContentPath, type MediaState } from './stored-media.js';

/** A file that waits in WhatsApp, claimed by this process. */
export interface MediaJob {
  tenantId: string;
  id: string;
  sessionId: string;
  epoch: number;
  nodeName: string;
  nodeUrl: string;
  waKey: string;
  objectKey: string;
  mimeType: string;
  filename: string | null;
  /** As WhatsApp announced it, in bytes. */
  size: number | null;
  /** WhatsApp's hash of the bytes, lower-case hex. */
  sha256: string | null;
  /** Attempts before this one. */
  attempts: number;
  /** What the last attempt ended with. */
  lastError: string | null;
}

/** What came of a job: of the node's answer, or of a look at it before the node was asked. */
export type JobAnswer = NodeResponse<'media.download'> | 'held';

export interface JobFile {
  size: number;
  sha256: string;
  mimeType: string;
  filename: string | null;
}

export interface JobEnd {
  state: MediaState;
  /** Counts as an attempt. */
  counts: boolean;
  /** For `pending`: when to try next. */
  waitMs: number;
  error: string | null;
  file?: JobFile;
}

export interface RetryPolicy {
  mostAttempts: number;
  firstWaitMs: number;
}

/** A session that is away is looked for again after this; it costs no attempt. */
const HELD_WAIT_MS = 15_000;

/** An object store that stays away is tried again within this; it costs no attempt, so that no outage loses a file. */
const STORE_WAIT_MS = 5 * 60_000;

/** What becomes of a job: stored only when the bytes are those that WhatsApp announced. */
export function endOf(job: MediaJob, answer: JobAnswer, policy: RetryPolicy): JobEnd {
  const pending: JobEnd = { state: 'pending', counts: false, waitMs: HELD_WAIT_MS, error: null };
  if (answer === 'held') return pending;
  if (answer.outcome === 'gone') return { ...pending, state: 'expired', counts: true, error: 'gone' };
  if (answer.outcome === 'failed' && answer.reason === 'session_not_connected') return pending;
  if (answer.outcome === 'stored' && isAnnounced(job, answer.sha256)) {
    const { size, sha256, mimeType, filename } = answer;
    const file = { size, sha256, mimeType, filename: filename ?? job.filename };
    return { ...pending, state: 'stored', counts: true, file };
  }
  if (answer.outcome === 'failed' && answer.reason === 'store_unavailable') {
    const isFirst = job.lastError !== answer.reason;
    const waitMs = isFirst ? retryWaitMs(0, policy.firstWaitMs) : retryWaitMs(0, STORE_WAIT_MS);
    return { ...pending, waitMs, error: answer.reason };
  }
  const error = answer.outcome === 'stored' ? 'hash_mismatch' : answer.reason;
  const mayRetry = answer.outcome === 'stored' || answer.retry;
  if (!mayRetry || job.attempts + 1 >= policy.mostAttempts) {
    return { ...pending, state: 'failed', counts: true, error };
  }
  return { ...pending, counts: true, waitMs: retryWaitMs(job.attempts, policy.firstWaitMs), error };
}

/** WhatsApp names a hash for all it carries; where it does not, there is nothing to compare. */
function isAnnounced(job: MediaJob, sha256: string): boolean {
  return job.sha256 === null || job.sha256 === sha256;
}

/** What the tenant is told at the end of a job; nothing while it goes on. */
export function eventsOf(job: MediaJob, end: JobEnd, messageId: string | null): NewEvent[] {
  if (end.state === 'pending') return [];
  const { tenantId, sessionId, id } = job;
  const { file } = end;
  const media = {
    id,
    state: end.state,
    mimeType: file?.mimeType ?? job.mimeType,
    filename: file?.filename ?? job.filename,
    size: file?.size ?? job.size,
    sha256: file?.sha256 ?? job.sha256,
    url: file ? mediaContentPath(id) : null,
    error: end.error,
  };
  const type = file ? 'media.ready' : 'media.failed';
  return [{ tenantId, sessionId, type, data: { messageId, media } }];
}
