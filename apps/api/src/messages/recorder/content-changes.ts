import { Injectable } from '@nestjs/common';
import type { WaMessage } from '#contracts';
import type { Query } from '#database';
import { newId } from '#kernel';
import { EventLog, type NewEvent } from '../../events/index.js';
import type { FactOf, StoredSession } from '../../nodes/index.js';
import { ContentRepository, type HeldContent } from './content-repository.js';
import { applyEdit, applyReport, applyRevoke, type ContentVersion } from './content-state.js';
import { decryptedEvent, editedEvent, revokedEvent } from './inbound-events.js';
import { mediaOf } from './message-to-store.js';
import { RecordedMessages } from './recorded-messages.js';

/** What may change what a message says: another report of it, an edit, a revoke. */
export type ContentReport =
  { kind: 'again'; message: WaMessage } | FactOf<'message.edit'> | FactOf<'message.revoke'>;

/** All that changes of one message in a batch. */
interface Change {
  before: HeldContent;
  after: HeldContent;
  versions: ContentVersion[];
  events: NewEvent[];
}

/** Lets messages say what they say now, and tells of each change once. */
@Injectable()
export class ContentChanges {
  constructor(
    private readonly contents: ContentRepository,
    private readonly recorded: RecordedMessages,
    private readonly events: EventLog,
  ) {}

  /** Needs the messages' rows held. Whoever is in `held` is brought up to date. */
  async record(
    query: Query,
    session: StoredSession,
    held: Map<string, HeldContent>,
    reports: readonly { id: string; report: ContentReport }[],
  ): Promise<void> {
    const changes = new Map<string, Change>();
    for (const { id, report } of reports) {
      const before = held.get(id);
      if (!before) continue;
      const change = changes.get(id) ?? { before, after: before, versions: [], events: [] };
      changes.set(id, applied(session, change, report));
    }
    const changed = [...changes.values()].filter(({ before, after }) => after !== before);
    await this.addMedia(query, session, changed);
    await this.contents.save(
      query,
      session,
      changed.map(({ after }) => after),
    );
    const revoked = changed.filter(
      ({ before, after }) => after.revokedAt !== null && before.revokedAt === null,
    );
    await this.contents.forget(
      query,
      session,
      revoked.map(({ before }) => before),
    );
    await this.contents.keepVersions(query, session, versionsOf([...changes.values()]));
    await this.events.append(
      query,
      changed.flatMap(({ events }) => events),
    );
    await this.contents.forgetTold(
      query,
      session,
      revoked.map(({ before }) => before),
    );
    for (const { after } of changed) held.set(after.id, after);
  }

  /** The files of messages that can be read now. */
  private async addMedia(query: Query, session: StoredSession, changed: readonly Change[]): Promise<void> {
    const fresh = changed.filter(({ before, after }) => before.mediaId === null && after.mediaId !== null);
    const rows = fresh.flatMap(({ after: { mediaId, waKey, content } }) => {
      const media = mediaOf(content);
      return mediaId !== null && waKey !== null && media ? [{ id: mediaId, waKey, media }] : [];
    });
    await this.recorded.insertMedia(query, session, rows);
  }
}

function applied(session: StoredSession, change: Change, report: ContentReport): Change {
  const { after, versions, events } = change;
  switch (report.kind) {
    case 'again': {
      const next = withState(after, applyReport(after, report.message.content));
      return next === after
        ? change
        : { ...change, after: next, events: [...events, decryptedEvent(session, next)] };
    }
    case 'message.edit': {
      const edit = applyEdit(after, report.content, new Date(report.editedAt));
      const next = withState(after, edit.state);
      const told = next === after ? events : [...events, editedEvent(session, next)];
      return { ...change, after: next, versions: [...versions, ...edit.versions], events: told };
    }
    case 'message.revoke': {
      const next = withState(after, applyRevoke(after, new Date(report.at)));
      if (next === after) return change;
      return { ...change, after: next, events: [...events, revokedEvent(session, next, report.by)] };
    }
  }
}

/** The row with another content; a file comes with a content that has one, and goes with it. */
function withState(row: HeldContent, state: ReturnType<typeof applyReport>): HeldContent {
  if (state === row) return row;
  const { content, editedAt, revokedAt } = state;
  const mediaId = mediaOf(content) ? (row.mediaId ?? newId('med')) : null;
  return { ...row, content, editedAt, revokedAt, mediaId };
}

function versionsOf(changes: readonly Change[]): (ContentVersion & { messageId: string })[] {
  return changes.flatMap(({ after, versions }) =>
    after.revokedAt === null ? versions.map((version) => ({ messageId: after.id, ...version })) : [],
  );
}
