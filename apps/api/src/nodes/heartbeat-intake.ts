import { Injectable } from '@nestjs/common';
import type { Heartbeat, HeartbeatAnswer, NodeFact } from '#contracts';
import { Database } from '#database';
import { EventIntake } from './event-intake.js';
import { NodeRegistry } from './node-registry.js';
import { placement, PlacedSessions } from './placed-sessions.js';
import type { StoredSession } from './session-columns.js';

type Reported = Heartbeat['sessions'][number];

/**
 * Takes in heartbeats: the node is written down, its sessions' states are brought up to date where the epoch is the
 * session's own, and the node learns which sessions are placed on it.
 */
@Injectable()
export class HeartbeatIntake {
  constructor(
    private readonly database: Database,
    private readonly registry: NodeRegistry,
    private readonly placed: PlacedSessions,
    private readonly intake: EventIntake,
  ) {}

  async accept(heartbeat: Heartbeat): Promise<HeartbeatAnswer> {
    const changed = await this.database.workerSql(async (query) => {
      const { isNewBoot } = await this.registry.record(query, heartbeat);
      if (isNewBoot) await this.placed.begin(query, heartbeat.name);
      const sessions = await this.placed.listOn(query, heartbeat.name);
      const known = new Map(sessions.map((session) => [session.id, session]));
      const current = heartbeat.sessions.filter((reported) =>
        isCurrent(reported, known.get(reported.sessionId)),
      );
      const same = current.filter((reported) => saysTheSame(reported, known.get(reported.sessionId)));
      await this.placed.prove(query, heartbeat.name, same);
      return current.filter((reported) => !same.includes(reported));
    });
    this.registry.forget();
    for (const reported of changed) {
      const fact: NodeFact = { kind: 'session.state', snapshot: reported.snapshot };
      await this.intake.apply(reported, [fact]);
    }
    return this.answer(heartbeat.name);
  }

  /** Read after the reports were applied, as they may end what was wanted (a logged-out session is not run again). */
  private async answer(nodeName: string): Promise<HeartbeatAnswer> {
    const sessions = await this.database.workerSql((query) => this.placed.listOn(query, nodeName));
    return { sessions: placement(sessions) };
  }
}

function isCurrent(reported: Reported, session: StoredSession | undefined): boolean {
  return (
    session !== undefined &&
    session.desired !== 'deleted' &&
    session.tenantId === reported.tenantId &&
    session.epoch === reported.epoch
  );
}

/** True when nothing but the time of the proof can differ. */
function saysTheSame({ snapshot }: Reported, session: StoredSession | undefined): boolean {
  return (
    session !== undefined &&
    session.state === snapshot.state &&
    session.reason === snapshot.reason &&
    session.action === snapshot.action &&
    session.detail === snapshot.detail &&
    session.since.getTime() === Date.parse(snapshot.since) &&
    (snapshot.me === null || (session.waId === snapshot.me.waId && session.profileName === snapshot.me.name))
  );
}
