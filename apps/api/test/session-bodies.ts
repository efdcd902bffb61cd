import { expect } from 'vitest';
import type { Answer } from '../../../test/support/http-client.js';

/** A session as a client reads it. */
export interface SessionBody {
  id: string;
  name: string;
  mode: string;
  state: string;
  status: string;
  reason: string;
  reasonText: string;
  action: string | null;
  detail: string | null;
  since: string;
  provenAt: string | null;
  me: { id: string; phone: string; lid: string | null; name: string | null } | null;
  dailyMessageLimit: number | null;
}

export interface PageBody<T> {
  data: T[];
  nextCursor: string | null;
}

/** The answer is a problem of this status and code; gives it. */
export function expectProblem(
  answer: Answer<unknown>,
  status: number,
  code: string,
): { detail: string; errors?: { path: string; message: string }[] } {
  const problem = answer.body as { code: string; status: number; detail: string };
  expect({ status: answer.status, code: problem.code }).toEqual({ status, code });
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  return problem;
}
