import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { asQuery, type Query } from '#database';
import { AppError } from '#kernel';
import type { IdempotentRequest } from './idempotency-key.js';
import { IdempotentAnswer } from './idempotent-answer.js';

/** What the work of an operation gives. */
export interface WorkResult<T> {
  status: number;
  body: T;
  /** What is kept for later answers, where it differs: a secret is shown once and never stored. */
  storedBody?: T;
  /** Id of what was created. */
  resourceId?: string;
}

interface StoredRow {
  request_hash: Buffer;
  response_status: number | null;
  response_body: string | null;
  expired: boolean;
}

/**
 * Makes an operation repeatable under an Idempotency-Key. The key's row is written in the caller's own transaction:
 * it is committed together with what the operation did, or not at all, so a failed request leaves no trace and can
 * simply be sent again. Concurrent requests with one key wait for each other at the row (Postgres lets the second
 * insert wait for the first transaction); the ones that come later answer what the first one answered.
 */
@Injectable()
export class IdempotencyService {
  /**
   * Runs `work` once per key. Without a key (`request` undefined) it just runs.
   * @throws AppError `idempotency_key_reused` (another request used the key), `idempotency_in_progress`
   */
  async run<T>(
    tx: EntityManager | Query,
    tenantId: string,
    request: IdempotentRequest | undefined,
    work: () => Promise<WorkResult<T>>,
  ): Promise<IdempotentAnswer<T>> {
    if (!request) return answerOf(await work());
    const query = asQuery(tx);
    const earlier = await this.claim<T>(query, tenantId, request);
    if (earlier) return earlier;
    const result = await work();
    await query(STORE, [tenantId, request.operation, request.key, ...storedForm(result)]);
    return answerOf(result);
  }

  /** Takes the key; resolves with undefined when it was free, else with the earlier answer. */
  private async claim<T>(
    query: Query,
    tenantId: string,
    request: IdempotentRequest,
  ): Promise<IdempotentAnswer<T> | undefined> {
    const id = [tenantId, request.operation, request.key];
    const claimed = await insert(query, [...id, request.requestHash]);
    if (claimed.length > 0) return undefined;
    const [row] = await query<StoredRow>(FIND, id);
    // Gone between the two statements: the purge took it, so the key is free again.
    if (!row || row.expired) {
      await query(DELETE_EXPIRED, id);
      const again = await insert(query, [...id, request.requestHash]);
      if (again.length > 0) return undefined;
      throw inProgress();
    }
    if (!row.request_hash.equals(request.requestHash)) {
      throw new AppError('idempotency_key_reused', 'this Idempotency-Key was used for a different request');
    }
    if (row.response_status === null) throw inProgress();
    const body = (row.response_body === null ? undefined : JSON.parse(row.response_body)) as T;
    return new IdempotentAnswer(row.response_status, body, true);
  }
}

/** The wait for another request with the same key ends with the lock timeout. */
async function insert(query: Query, values: unknown[]): Promise<unknown[]> {
  try {
    return await query(INSERT, values);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === '55P03') throw inProgress(error);
    throw error;
  }
}

function inProgress(cause?: unknown): AppError {
  return new AppError('idempotency_in_progress', 'a request with this Idempotency-Key is still running', {
    retryAfterSeconds: 1,
    cause,
  });
}

function answerOf<T>({ status, body }: WorkResult<T>): IdempotentAnswer<T> {
  return new IdempotentAnswer(status, body);
}

function storedForm({
  status,
  body,
  storedBody = body,
  resourceId,
}: WorkResult<unknown>): [number, string | null, string | null] {
  return [status, storedBody === undefined ? null : JSON.stringify(storedBody), resourceId ?? null];
}

const INSERT = {
  name: 'idempotency_insert',
  text: `INSERT INTO idempotency_keys
           (tenant_id, operation, key, request_hash)
         VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING 1 AS claimed`,
};
const STORE = {
  name: 'idempotency_store',
  text: `UPDATE idempotency_keys SET response_status = $4, response_body = $5, resource_id = $6
         WHERE tenant_id = $1 AND operation = $2 AND key = $3`,
};
const FIND = {
  name: 'idempotency_find',
  text: `SELECT request_hash, response_status, response_body, expires_at <= now() AS expired FROM idempotency_keys
         WHERE tenant_id = $1 AND operation = $2 AND key = $3`,
};
const DELETE_EXPIRED = `DELETE FROM idempotency_keys
  WHERE tenant_id = $1 AND operation = $2 AND key = $3 AND expires_at <= now()`;
