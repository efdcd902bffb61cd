import { Injectable } from '@nestjs/common';
import type { NodeResponse } from '#contracts';
import { Database, type Query } from '#database';
import { AppError, isAppError } from '#kernel';
import { EventIntake, NodeClient, type StoredSession } from '../nodes/index.js';
import { addressOf, isPlaced } from './session-lifecycle.js';
import { current } from './session-view.js';

export type Qr = NonNullable<NodeResponse<'session.qr'>['qr']>;

/** How often a phone may be asked to link: WhatsApp itself refuses a number that is asked more often. */
const PAIRING_LIMIT = { codes: 3, windowSeconds: 600 };
const PAIRING_TIMEOUT_MS = 45_000;

/** Brings QR and pairing codes from the node to whoever holds the phone. Neither is stored or logged anywhere. */
@Injectable()
export class SessionLinking {
  constructor(
    private readonly database: Database,
    private readonly nodes: NodeClient,
    private readonly intake: EventIntake,
  ) {}

  /**
   * The QR code that WhatsApp shows now, or once it shows one within `waitMs`.
   * @throws AppError `qr_not_available` that says why there is none
   */
  async qr(session: StoredSession, waitMs: number): Promise<Qr> {
    const { qr, after } = await this.lookForQr(session, waitMs);
    if (qr) return qr;
    throw new AppError(
      'qr_not_available',
      noQrBecause(after),
      after.state === 'connected' ? {} : { retryAfterSeconds: 2 },
    );
  }

  /** As `qr`, and undefined when there is none. */
  async findQr(
    session: StoredSession,
    waitMs: number,
  ): Promise<{ qr: Qr | undefined; after: StoredSession }> {
    const { qr, after } = await this.lookForQr(session, waitMs);
    return { qr: qr ?? undefined, after };
  }

  /**
   * A code to enter on the phone instead of scanning.
   * @param record notes who asked; runs in the transaction that counts the code, before the node is called
   * @throws AppError `invalid_state` (not started), `session_already_linked`, `pairing_limit_reached`
   */
  async pairingCode(
    session: StoredSession,
    phone: string,
    record: (query: Query) => Promise<void>,
  ): Promise<string> {
    if (current(session).state === 'connected') throw alreadyLinked();
    if (!isPlaced(session) || session.desired !== 'running') {
      throw new AppError('invalid_state', 'the session is not running; start it first');
    }
    await this.takePairing(session.tenantId, phone, record);
    try {
      const request = { ...addressOf(session), phone };
      const answer = await this.nodes.call({ nodeName: session.nodeName }, 'session.pairing-code', request, {
        timeoutMs: PAIRING_TIMEOUT_MS,
      });
      return answer.code;
    } catch (error) {
      if (isAppError(error) && error.outcome === 'not_sent')
        await this.givePairingBack(session.tenantId, phone);
      throw error;
    }
  }

  private async lookForQr(
    session: StoredSession,
    waitMs: number,
  ): Promise<{ qr: Qr | null; after: StoredSession }> {
    const mayShow =
      isPlaced(session) && session.desired === 'running' && current(session).state !== 'connected';
    if (!mayShow) return { qr: null, after: session };
    const request = { ...addressOf(session), waitMs };
    const { snapshot, qr } = await this.nodes.call({ nodeName: session.nodeName }, 'session.qr', request, {
      timeoutMs: waitMs + 10_000,
    });
    if (snapshot.state === session.state && snapshot.reason === session.reason) return { qr, after: session };
    const after = await this.intake.apply(addressOf(session), [{ kind: 'session.state', snapshot }]);
    return { qr, after: after ?? session };
  }

  private async takePairing(
    tenantId: string,
    phone: string,
    record: (query: Query) => Promise<void>,
  ): Promise<void> {
    const { codes, windowSeconds } = PAIRING_LIMIT;
    await this.database.tenantSql(tenantId, async (query) => {
      await query(`SELECT pg_advisory_xact_lock(hashtextextended('pairing of ' || $1 || $2, 0))`, [
        tenantId,
        phone,
      ]);
      await query(
        `DELETE FROM pairing_attempts WHERE tenant_id = $1 AND at < now() - make_interval(secs => $2)`,
        [tenantId, windowSeconds],
      );
      const rows = await query<{ waitSeconds: number }>(
        `SELECT ceil(extract(epoch FROM at + make_interval(secs => $3) - now()))::int AS "waitSeconds"
         FROM pairing_attempts WHERE tenant_id = $1 AND phone = $2 ORDER BY at DESC OFFSET $4 LIMIT 1`,
        [tenantId, phone, windowSeconds, codes - 1],
      );
      if (rows[0]) throw pairingLimit(rows[0].waitSeconds);
      await query(`INSERT INTO pairing_attempts (tenant_id, phone) VALUES ($1, $2)`, [tenantId, phone]);
      await record(query);
    });
  }

  private async givePairingBack(tenantId: string, phone: string): Promise<void> {
    await this.database.tenantSql(tenantId, (query) =>
      query(
        `DELETE FROM pairing_attempts WHERE tenant_id = $1 AND phone = $2
           AND at = (SELECT max(at) FROM pairing_attempts WHERE tenant_id = $1 AND phone = $2)`,
        [tenantId, phone],
      ),
    );
  }
}

function noQrBecause(session: StoredSession): string {
  const { state } = current(session);
  if (state === 'connected')
    return 'the session is connected; there is nothing to scan. Log it out to link another phone';
  if (session.desired !== 'running') return 'the session is not running; start it first';
  if (state === 'starting') return 'the browser is still starting; ask again, or with ?wait=20';
  if (state === 'connecting') return 'the login is accepted and being completed; there is nothing to scan';
  return `there is no QR code now, the session is ${state}; ask again, or with ?wait=20`;
}

function alreadyLinked(): AppError {
  return new AppError('session_already_linked', 'the session is linked; log it out to link another phone');
}

function pairingLimit(waitSeconds: number): AppError {
  const { codes, windowSeconds } = PAIRING_LIMIT;
  return new AppError(
    'pairing_limit_reached',
    `a number can be given ${codes} pairing codes in ${windowSeconds / 60} minutes`,
    { retryAfterSeconds: Math.max(1, waitSeconds) },
  );
}
