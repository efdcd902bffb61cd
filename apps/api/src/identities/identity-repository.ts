import { Injectable } from '@nestjs/common';
import { canonicalChatId } from '#contracts';
import { Database, type Query } from '#database';
import { phoneForm, type IdentityPair } from './canonical-facts.js';

/** A chat or contact that changed because two ids turned out to be one person. */
export interface IdentityChange {
  what: 'chat' | 'contact';
  id: string;
  /** The one that it took in, whose id goes on to work; null: there was only this one. */
  merged: string | null;
}

const FIND = {
  name: 'identities_find',
  text: `SELECT lid, phone FROM identities WHERE tenant_id = $1 AND session_id = $2 AND lid = ANY($3)
    UNION SELECT lid, phone FROM identities WHERE tenant_id = $1 AND session_id = $2 AND phone = ANY($4)`,
};

/** Who is who: pairs of LID and phone number, per session. */
@Injectable()
export class IdentityRepository {
  constructor(private readonly database: Database) {}

  /** The pairs in which one of these LIDs or phones stands. */
  find(
    query: Query,
    tenantId: string,
    sessionId: string,
    { lids, phones }: { lids: readonly string[]; phones: readonly string[] },
  ): Promise<IdentityPair[]> {
    return query<IdentityPair & object>(FIND, [tenantId, sessionId, lids, phones]);
  }

  /**
   * Learns pairs, no LID and no phone twice, and makes one of what stands under both. Needs a worker transaction that
   * holds nothing but the session's row: it waits for messages that are being accepted for LIDs of the session.
   */
  learn(
    query: Query,
    tenantId: string,
    sessionId: string,
    pairs: readonly IdentityPair[],
  ): Promise<IdentityChange[]> {
    return query<IdentityChange & object>(
      {
        name: 'identities_learn',
        text: 'SELECT what, id, merged FROM wagate_learn_identities($1, $2, $3, $4)',
      },
      [tenantId, sessionId, pairs.map(({ lid }) => lid), pairs.map(({ phone }) => phone)],
    );
  }

  /** Chats or contacts as events show them. */
  describe(
    query: Query,
    tenantId: string,
    what: IdentityChange['what'],
    ids: readonly string[],
  ): Promise<{ id: string }[]> {
    const columns = `id, wa_id AS "waId", ${what === 'chat' ? 'kind, ' : ''}name, phone, lid`;
    return query<{ id: string }>(
      `SELECT ${columns} FROM ${what}s WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id`,
      [tenantId, ids],
    );
  }

  /** For each LID among ids whose phone is known: the id that its rows have. */
  async canonicalForms(
    query: Query,
    tenantId: string,
    sessionId: string,
    ids: readonly string[],
  ): Promise<Map<string, string>> {
    const lids = ids.filter((id) => id.endsWith('@lid'));
    if (lids.length === 0) return new Map();
    const pairs = await this.find(query, tenantId, sessionId, { lids, phones: [] });
    return new Map(pairs.map(({ lid, phone }) => [lid, phoneForm(phone)]));
  }

  /**
   * The ids under which rows of someone may stand, given one of them: where the pair is known that is the phone form.
   * Several when sessions know different things.
   */
  async formsOf(tenantId: string, waId: string, sessionId?: string): Promise<string[]> {
    const canonical = canonicalChatId(waId);
    if (!canonical.endsWith('@lid')) return [canonical];
    const rows = await this.database.tenantSql(tenantId, (query) =>
      query<{ phone: string }>(
        {
          name: 'identities_forms',
          text: `SELECT DISTINCT phone FROM identities
            WHERE tenant_id = $1 AND lid = $2 AND ($3::text IS NULL OR session_id = $3)`,
        },
        [tenantId, canonical, sessionId ?? null],
      ),
    );
    const forms = rows.map(({ phone }) => phoneForm(phone));
    return sessionId !== undefined && forms.length > 0 ? forms : [...forms, canonical];
  }
}
