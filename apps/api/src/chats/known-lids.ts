import type { Query } from '#database';

/** Something WhatsApp names by a phone form or by a LID. */
export interface Named {
  id: string;
  lid: string | null;
}

/** Ids of the batch that stand for the same chat or person: from the one to the one to use. */
export type Aliases = ReadonlyMap<string, string>;

export function isLid(id: string): boolean {
  return id.endsWith('@lid');
}

/**
 * What is stored under another form of the ids in a batch: under the LID of something whose phone is now known (to be
 * renamed), and under the phone form of something that is now named by its LID (to be used instead).
 */
export async function findAliases(
  query: Query,
  table: 'chats' | 'contacts',
  tenantId: string,
  sessionId: string,
  batch: readonly Named[],
): Promise<{ renamed: Aliases; known: Aliases }> {
  const phoneForms = new Map(batch.flatMap(({ id, lid }) => (lid !== null && !isLid(id) ? [[lid, id]] : [])));
  const lids = batch.map(({ id }) => id).filter((id) => isLid(id) && !phoneForms.has(id));
  const renamed = new Map<string, string>();
  const known = new Map(phoneForms);
  if (phoneForms.size === 0 && lids.length === 0) return { renamed, known };
  const rows = await query<{ waId: string; lid: string | null }>(
    {
      name: `${table}_aliases`,
      text: `SELECT wa_id AS "waId", lid FROM ${table} WHERE tenant_id = $1 AND session_id = $2 AND wa_id = ANY($3)
        UNION SELECT wa_id, lid FROM ${table} WHERE tenant_id = $1 AND session_id = $2 AND lid = ANY($4)`,
    },
    [tenantId, sessionId, [...phoneForms.keys()], lids],
  );
  for (const { waId, lid } of rows) {
    const phoneForm = phoneForms.get(waId);
    if (phoneForm !== undefined) renamed.set(waId, phoneForm);
    else if (lid !== null && !isLid(waId)) known.set(lid, waId);
  }
  return { renamed, known };
}
