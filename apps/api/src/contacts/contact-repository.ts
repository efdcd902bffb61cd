import { Injectable } from '@nestjs/common';
import { contactIdSchema, type WaPerson } from '#contracts';
import { type ContactRow, Database, type Query } from '#database';
import { newId } from '#kernel';
import { findAliases, likeText, phonePrefix } from '../chats/index.js';

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
  constructor(private readonly database: Database) {}

  async find(tenantId: string, id: string): Promise<ContactRow | undefined> {
    if (!contactIdSchema.safeParse(id).success) return undefined;
    return this.database.tenantSql(tenantId, async (query) => {
      const rows = await query<ContactRow & object>(
        { name: 'contact_find', text: `SELECT ${COLUMNS} FROM contacts WHERE tenant_id = $1 AND id = $2` },
        [tenantId, id],
      );
      return rows[0];
    });
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
   * by null. Someone stored under a LID moves to the phone form once that is known.
   */
  async upsert(tx: Query, tenantId: string, sessionId: string, people: readonly WaPerson[]): Promise<void> {
    if (people.length === 0) return;
    const { renamed, known } = await findAliases(tx, 'contacts', tenantId, sessionId, people);
    if (renamed.size > 0) await tx(RENAME, [tenantId, sessionId, [...renamed.keys()], [...renamed.values()]]);
    const rows = mergeById(people, known);
    await tx({ name: 'contact_upsert', text: UPSERT }, [
      tenantId,
      sessionId,
      rows.map(() => newId('con')),
      rows.map((row) => row.id),
      rows.map((row) => row.phone),
      rows.map((row) => row.lid),
      rows.map((row) => row.name),
    ]);
  }
}

const UPSERT = `INSERT INTO contacts AS c (tenant_id, id, session_id, wa_id, phone, lid, name)
  SELECT $1, n.id, $2, n.wa_id, n.phone, n.lid, n.name
  FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) AS n (id, wa_id, phone, lid, name)
  ON CONFLICT (tenant_id, session_id, wa_id) DO UPDATE SET name = coalesce(excluded.name, c.name),
    phone = coalesce(excluded.phone, c.phone), lid = coalesce(excluded.lid, c.lid), updated_at = now()
  WHERE (coalesce(excluded.name, c.name), coalesce(excluded.phone, c.phone), coalesce(excluded.lid, c.lid))
    IS DISTINCT FROM (c.name, c.phone, c.lid)`;

/** Of two rows for one person the one with the phone stays; it learns the name when it had none. */
const RENAME = `WITH pairs AS (SELECT * FROM unnest($3::text[], $4::text[]) AS p (lid, wa_id)),
  both_known AS (SELECT p.* FROM pairs p JOIN contacts o ON o.tenant_id = $1 AND o.session_id = $2 AND o.wa_id = p.wa_id),
  gone AS (DELETE FROM contacts c USING both_known b WHERE c.tenant_id = $1 AND c.session_id = $2 AND c.wa_id = b.lid
    RETURNING b.wa_id, b.lid, c.name),
  told AS (UPDATE contacts c SET name = coalesce(c.name, gone.name), lid = gone.lid FROM gone
    WHERE c.tenant_id = $1 AND c.session_id = $2 AND c.wa_id = gone.wa_id)
  UPDATE contacts c SET wa_id = p.wa_id, lid = p.lid, updated_at = now() FROM pairs p
  WHERE c.tenant_id = $1 AND c.session_id = $2 AND c.wa_id = p.lid AND p.lid NOT IN (SELECT lid FROM both_known)`;

/** One row per person, sorted so that concurrent batches lock in one order; of several, what is known counts. */
function mergeById(people: readonly WaPerson[], known: ReadonlyMap<string, string>): WaPerson[] {
  const merged = new Map<string, WaPerson>();
  for (const person of people) {
    const id = known.get(person.id) ?? person.id;
    const before = merged.get(id);
    merged.set(id, {
      id,
      phone: person.phone ?? before?.phone ?? null,
      lid: person.lid ?? before?.lid ?? (person.id === id ? null : person.id),
      name: person.name ?? before?.name ?? null,
    });
  }
  return [...merged.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}
