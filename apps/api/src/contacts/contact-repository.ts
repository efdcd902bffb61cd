import { Injectable } from '@nestjs/common';
import { contactIdSchema, type WaPerson } from '#contracts';
import { type ContactRow, Database, type Query } from '#database';
import { newId } from '#kernel';
import { likeText, phonePrefix } from '../chats/index.js';
import { EventLog } from '../events/index.js';

export interface ContactFilter {
  sessionIds: readonly string[];
  /** Part of the name, or the beginning of the phone number. */
  search?: string | undefined;
}

const COLUMNS = `tenant_id AS "tenantId", id, session_id AS "sessionId", wa_id AS "waId", phone, lid, name,
  created_at AS "createdAt", updated_at AS "updatedAt"`;

/** The people that a tenant's sessions know. */
@Injectable()
export class ContactRepository {
  constructor(
    private readonly database: Database,
    private readonly events: EventLog,
  ) {}

  /** By its id, or that of a contact that became part of it. */
  async find(tenantId: string, id: string): Promise<ContactRow | undefined> {
    if (!contactIdSchema.safeParse(id).success) return undefined;
    return this.database.tenantSql(tenantId, async (query) => {
      const rows = await query<ContactRow & object>(
        {
          name: 'contact_find',
          text: `SELECT ${COLUMNS} FROM contacts WHERE tenant_id = $1 AND id = coalesce(
            (SELECT kept_id FROM merged_ids WHERE tenant_id = $1 AND id = $2), $2)`,
        },
        [tenantId, id],
      );
      return rows[0];
    });
  }

  /** The contacts under WhatsApp ids in sessions, one in each at most; of several the one named last. */
  findByWaIds(
    tenantId: string,
    sessionIds: readonly string[],
    waIds: readonly string[],
  ): Promise<ContactRow[]> {
    return this.database.tenantSql(tenantId, (query) =>
      query<ContactRow & object>(
        {
          name: 'contact_find_by_wa_id',
          text: `SELECT DISTINCT ON (session_id) ${COLUMNS} FROM contacts
            WHERE tenant_id = $1 AND session_id = ANY($2) AND wa_id = ANY($3)
            ORDER BY session_id, array_position($3, wa_id) DESC`,
        },
        [tenantId, sessionIds, waIds],
      ),
    );
  }

  /** Newest first. */
  list(tenantId: string, filter: ContactFilter, limit: number, afterId?: string): Promise<ContactRow[]> {
    return this.database.tenantSql(tenantId, (query) =>
      query<ContactRow & object>(
        {
          name: 'contact_list',
          text: `SELECT ${COLUMNS} FROM contacts WHERE tenant_id = $1 AND session_id = ANY($2)
              AND ($3::text IS NULL OR name ILIKE '%' || $3 || '%' OR phone LIKE $4)
              AND ($5::text IS NULL OR id < $5) ORDER BY id DESC LIMIT $6`,
        },
        [
          tenantId,
          filter.sessionIds,
          likeText(filter.search),
          phonePrefix(filter.search),
          afterId ?? null,
          limit,
        ],
      ),
    );
  }

  /**
   * Writes people as a session reported them, in one statement; what is known (a name, a phone) is never overwritten
   * by null. They are named by the id that their rows have: the intake sees to that.
   */
  async upsert(tx: Query, tenantId: string, sessionId: string, people: readonly WaPerson[]): Promise<void> {
    if (people.length === 0) return;
    const rows = mergeById(people);
    const changed = await tx<ChangedContact & object>({ name: 'contact_upsert', text: UPSERT }, [
      tenantId,
      sessionId,
      rows.map(() => newId('con')),
      rows.map((row) => row.id),
      rows.map((row) => row.phone),
      rows.map((row) => row.lid),
      rows.map((row) => row.name),
    ]);
    await this.events.append(
      tx,
      changed.map((contact) => ({
        tenantId,
        sessionId,
        type: 'contact.updated',
        data: { contact, mergedId: null },
      })),
    );
  }
}

/** A contact that was there before and is named otherwise now. */
type ChangedContact = Pick<ContactRow, 'id' | 'waId' | 'phone' | 'lid' | 'name'>;

const UPSERT = `WITH written AS (
    INSERT INTO contacts AS c (tenant_id, id, session_id, wa_id, phone, lid, name)
    SELECT $1, n.id, $2, n.wa_id, n.phone, n.lid, n.name
    FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) AS n (id, wa_id, phone, lid, name)
    ON CONFLICT (tenant_id, session_id, wa_id) DO UPDATE SET name = coalesce(excluded.name, c.name),
      phone = coalesce(excluded.phone, c.phone), lid = coalesce(excluded.lid, c.lid), updated_at = now()
    WHERE (coalesce(excluded.name, c.name), coalesce(excluded.phone, c.phone), coalesce(excluded.lid, c.lid))
      IS DISTINCT FROM (c.name, c.phone, c.lid)
    RETURNING c.id, c.wa_id, c.phone, c.lid, c.name
  )
  SELECT w.id, w.wa_id AS "waId", w.phone, w.lid, w.name FROM written w
  JOIN contacts b ON b.tenant_id = $1 AND b.id = w.id`;

/** One row per person, sorted so that concurrent batches lock in one order; of several, what is known counts. */
function mergeById(people: readonly WaPerson[]): WaPerson[] {
  const merged = new Map<string, WaPerson>();
  for (const { id, phone, lid, name } of people) {
    const before = merged.get(id);
    merged.set(id, {
      id,
      phone: phone ?? before?.phone ?? null,
      lid: lid ?? before?.lid ?? null,
      name: name ?? before?.name ?? null,
    });
  }
  return [...merged.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}
