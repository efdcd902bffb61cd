import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { HandOver, History, HistorySettings, PushedMessage } from '../history/history.js';
import type { DatabaseDump } from './database-dump.js';
import type { FaultsStack, FaultsTenant } from './faults-stack.js';

/** What the run knows and no witness tells. */
export interface RunNotes {
  seed: number;
  startedAtMs: number;
  /** WhatsApp ids of messages whose content changed in ways that are not compared. */
  opaque: ReadonlySet<string>;
  /** Downloads were made to fail, or to give other bytes. */
  downloadsDamaged: boolean;
  optOuts: History['optOuts'];
  /** Longest way from the look at a message's expiry to its hand-over: a frozen part makes it longer. */
  handOverSlackMs: number;
}

interface SimulatedFile {
  sha256: string;
}

interface SentView {
  waMessageId: string;
  from: string;
  to: string;
  body: string | null;
  caption: string | null;
  media?: SimulatedFile;
  handOvers: number;
  ack: number;
  timestamp: number;
  order: number;
}

interface PhoneView {
  id: string;
  from: string;
  to: string;
  body: string | null;
  media?: SimulatedFile;
  order: number;
}

const UNKNOWN_BLOCK_MS = 60_000;
const NUMBERING_LOOKS = 10;
const NUMBERING_MS = 500;
const EVENTS_PER_PAGE = 200;

/** Puts the four witnesses together. */
export async function recordHistory(faults: FaultsStack, notes: RunNotes): Promise<History> {
  const dump = await dumpNumbered(faults);
  const settings: HistorySettings = {
    seed: notes.seed,
    startedAt: new Date(notes.startedAtMs).toISOString(),
    endedAt: new Date().toISOString(),
    unknownBlockMs: UNKNOWN_BLOCK_MS,
    handOverSlackMs: notes.handOverSlackMs,
  };
  return {
    settings,
    sessions: faults.sessions.map(({ id, phone, tenant }) => ({ tenantId: tenant.id, id, phone })),
    client: [...faults.log.requests],
    messages: dump.messages,
    attempts: dump.attempts,
    media: dump.media,
    events: dump.events,
    readEvents: readEventsOf(dump, await readEvents(faults.tenants)),
    handOvers: await handOvers(faults),
    pushed: await pushed(faults, notes),
    objects: await downloads(faults, dump),
    optOuts: notes.optOuts,
  };
}

/** Events get their numbers a moment after they were written. */
async function dumpNumbered({ database }: FaultsStack): Promise<DatabaseDump> {
  for (let looks = 0; looks < NUMBERING_LOOKS; looks += 1) {
    const dump = await database.dump();
    if (dump.events.every(({ seq }) => seq !== null)) return dump;
    await delay(NUMBERING_MS);
  }
  return database.dump();
}

/** What clients read up to the last event of the dump: sessions go on to tell of themselves. */
function readEventsOf({ events }: DatabaseDump, read: History['readEvents']): History['readEvents'] {
  const last = new Map<string, number>();
  for (const { tenantId, seq } of events) last.set(tenantId, Math.max(last.get(tenantId) ?? 0, seq ?? 0));
  return read?.filter(({ tenantId, seq }) => seq <= (last.get(tenantId) ?? 0));
}

async function handOvers(faults: FaultsStack): Promise<HandOver[]> {
  const { body } = await faults.stack.simulated.get<SentView[]>('/sent?limit=100000');
  return body.map(
    ({ waMessageId, from, to, body: text, caption, media, handOvers: count, ack, ...rest }) => ({
      waMessageId,
      from,
      to,
      text: text ?? caption ?? null,
      sha256: media?.sha256 ?? null,
      handOvers: count,
      ack,
      atMs: rest.timestamp * 1000,
      order: rest.order,
    }),
  );
}

async function pushed(faults: FaultsStack, notes: RunNotes): Promise<PushedMessage[]> {
  const { body } = await faults.stack.simulated.get<PhoneView[]>('/messages?limit=100000');
  return body.map(({ id, from, to, body: text, media, order }) => ({
    waMessageId: id,
    from,
    to,
    text: text ?? null,
    sha256: media?.sha256 ?? null,
    order,
    isOpaque: notes.opaque.has(id),
    isDamaged: notes.downloadsDamaged,
  }));
}

/** Undefined when the API has no list of events. */
async function readEvents(tenants: readonly FaultsTenant[]): Promise<History['readEvents']> {
  const read: NonNullable<History['readEvents']> = [];
  for (const { id: tenantId, client } of tenants) {
    for (let after = 0; ;) {
      const path = `/events?after=${String(after)}&limit=${String(EVENTS_PER_PAGE)}`;
      const { status, body } = await client.request('GET', path, { kind: 'other' });
      if (status === 404) return undefined;
      const { data = [] } = Object(body) as { data?: { id: string; seq: number; type: string }[] };
      read.push(...data.map(({ id, seq, type }) => ({ tenantId, id, seq, type })));
      const last = data.at(-1)?.seq;
      if (last === undefined || last <= after) break;
      after = last;
    }
  }
  return read;
}

/** Every stored file that came in, as a client gets it. */
async function downloads(faults: FaultsStack, { media }: DatabaseDump): Promise<History['objects']> {
  const objects: History['objects'] = [];
  for (const { tenantId, id, state, source } of media) {
    const client = faults.tenants.find((tenant) => tenant.id === tenantId)?.client;
    if (state !== 'stored' || source !== 'inbound' || !client) continue;
    const bytes = await client.download(`/media/${id}/content`);
    objects.push({ mediaId: id, sha256: bytes ? createHash('sha256').update(bytes).digest('hex') : 'none' });
  }
  return objects;
}
