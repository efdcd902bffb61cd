import { Injectable } from '@nestjs/common';
import type { Query, SessionRow } from '#database';

/** Why nothing more will be sent through a session as it was. */
export type SessionEndCode = 'session_deleted' | 'session_logged_out';
/** Runs in the transaction that ends the session, which may be a worker's: every statement names the tenant. */
export type SessionEndHandler = (tx: Query, session: SessionRow, code: SessionEndCode) => Promise<void>;

/** Where features say what becomes of what they hold for a session that was deleted or logged out. */
@Injectable()
export class SessionEndings {
  private readonly handlers: SessionEndHandler[] = [];

  register(handler: SessionEndHandler): void {
    this.handlers.push(handler);
  }

  async end(tx: Query, session: SessionRow, code: SessionEndCode): Promise<void> {
    for (const handler of this.handlers) await handler(tx, session, code);
  }
}
