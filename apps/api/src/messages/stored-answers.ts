import { Injectable } from '@nestjs/common';
import { Database } from '#database';
import { AppError } from '#kernel';
import { IdempotentAnswer, type IdempotentRequest } from '../idempotency/index.js';

/**
 * Looks whether a request was answered before, ahead of work that costs something (fetching a file). The accept itself
 * looks again, in its transaction.
 */
@Injectable()
export class StoredAnswers {
  constructor(private readonly database: Database) {}

  /** @throws AppError `idempotency_key_reused` */
  async find<T>(tenantId: string, request: IdempotentRequest): Promise<IdempotentAnswer<T> | undefined> {
    const [row] = await this.database.tenantSql(tenantId, (query) =>
      query<{ isSame: boolean; status: number | null; body: string | null }>(
        {
          name: 'answer_find',
          text: `SELECT request_hash = ANY($4) AS "isSame", response_status AS status, response_body AS body
            FROM idempotency_keys WHERE tenant_id = $1 AND operation = $2 AND key = $3 AND expires_at > now()`,
        },
        [tenantId, request.operation, request.key, [request.requestHash, ...request.formerHashes()]],
      ),
    );
    if (!row) return undefined;
    if (!row.isSame) {
      throw new AppError('idempotency_key_reused', 'this Idempotency-Key was used for a different request');
    }
    if (row.status === null || row.body === null) return undefined;
    return new IdempotentAnswer(row.status, JSON.parse(row.body) as T, true);
  }
}
