import { Inject, Injectable } from '@nestjs/common';
import type { PauseReason } from '#contracts';
import { hasScope, type AuthContext } from '../../auth/index.js';
import { API_CONFIG, type ApiConfig } from '../../config.js';
import type { StoredSession } from '../../nodes/index.js';
import { EtaService, promiseOf, UNPACED, type QueuedPace } from '../../pacing/index.js';
import { viewOf } from '../../sessions/index.js';
import type { EventDelivery } from '../../webhooks/index.js';
import { MessageRepository, noSuchMessage } from '../message-repository.js';
import { diagnose } from './diagnosis.js';
import type { DiagnosisFacts } from './diagnosis-facts.js';
import { TimelineRepository, type TimedDeliveries, type TimelineFacts } from './timeline-repository.js';
import { stepsOf } from './timeline-steps.js';
import type { MessageTimeline, TimelineDelivery } from './timeline.dto.js';
import { withWebhooks } from './webhook-diagnosis.js';
import { deliveryText } from './webhook-texts.js';

/** Tells the way of a message, and how it stands in plain words. */
@Injectable()
export class TimelineService {
  constructor(
    private readonly messages: MessageRepository,
    private readonly timelines: TimelineRepository,
    private readonly etas: EtaService,
    @Inject(API_CONFIG) private readonly config: Pick<ApiConfig, 'MESSAGE_UNKNOWN_FINAL_SECONDS'>,
  ) {}

  /** @throws AppError `not_found` */
  async get(auth: AuthContext, id: string): Promise<MessageTimeline> {
    await this.messages.get(auth, id);
    const facts = await this.timelines.find(
      auth.tenantId,
      id,
      hasScope(auth, 'webhooks:manage') ? auth : null,
    );
    if (!facts) throw noSuchMessage();
    const now = new Date();
    const { message, session, events, webhooks, ahead } = facts;
    const isQueued = message.status === 'queued';
    const isPaced = isQueued && this.etas.isPaced(session);
    const pace = (isPaced && (await this.etas.ofQueued(session, [id])).get(id)) || UNPACED;
    const { eta, expiresFirst } = promiseOf(pace, session, message.expiresAt);
    const finalAfterMs = this.config.MESSAGE_UNKNOWN_FINAL_SECONDS * 1_000;
    const diagnosis = diagnose(toDiagnosisFacts(facts, { pace, finalAfterMs, now }));
    return {
      messageId: id,
      status: message.status,
      diagnosis: withWebhooks(diagnosis, webhooks?.deliveries ?? [], now),
      durations: durationsOf(facts, now),
      pacing: isPaced ? { eta: eta?.toISOString() ?? null, expiresFirst } : null,
      queue: isQueued ? { ahead } : null,
      media: viewMedia(facts),
      steps: stepsOf(facts),
      events: events.map(({ id: eventId, seq, type, createdAt }) => ({
        id: eventId,
        seq,
        type,
        createdAt: createdAt.toISOString(),
      })),
      webhooks: webhooks && viewWebhooks(webhooks, now),
    };
  }
}

function viewMedia({ media }: TimelineFacts): MessageTimeline['media'] {
  if (!media) return null;
  const { state, error, attempts, nextAttemptAt, storedAt } = media;
  return {
    state,
    error,
    attempts,
    nextAttemptAt: nextAttemptAt?.toISOString() ?? null,
    storedAt: storedAt?.toISOString() ?? null,
  };
}

function viewWebhooks({ deliveries, isCut }: TimedDeliveries, now: Date): MessageTimeline['webhooks'] {
  return { deliveries: deliveries.map((delivery) => viewDelivery(delivery, now)), truncated: isCut };
}

function viewDelivery(delivery: EventDelivery, now: Date): TimelineDelivery {
  const { id, webhookId, url, eventId, eventType, cause, state, attempts, status, error } = delivery;
  return {
    webhookId,
    host: new URL(url).host,
    deliveryId: id,
    eventId,
    eventType: eventType as TimelineDelivery['eventType'],
    cause,
    state,
    attempts,
    status,
    error: error as TimelineDelivery['error'],
    summary: deliveryText(delivery, now),
    nextAttemptAt: delivery.nextAt?.toISOString() ?? null,
    endedAt: delivery.endedAt?.toISOString() ?? null,
  };
}

function toDiagnosisFacts(
  facts: TimelineFacts,
  { pace, finalAfterMs, now }: { pace: QueuedPace; finalAfterMs: number; now: Date },
): DiagnosisFacts {
  const { message, session, attempts, media, ahead, isChatBlocked } = facts;
  const { state, reason, action, since } = viewOf(session);
  const newest = attempts.at(-1);
  return {
    now,
    status: message.status,
    errorCode: message.errorCode,
    errorDetail: message.errorDetail,
    type: message.type,
    dueAt: message.dueAt,
    expiresAt: message.expiresAt,
    attempts: message.attempts,
    ahead,
    isChatBlocked,
    ...pace,
    session: {
      state,
      reason,
      action,
      since: new Date(since),
      isRunning: session.desired === 'running',
      isStrictlyOrdered: session.strictOrder,
      pause: pauseOf(session),
    },
    attempt: newest
      ? {
          isCalled: newest.calledAt !== null,
          isEnded: newest.endedAt !== null,
          outcome: newest.outcome,
          reason: newest.reason,
          startedAt: newest.startedAt,
          lookups: newest.lookups,
          finalAt: new Date(newest.startedAt.getTime() + finalAfterMs),
        }
      : null,
    media: media ?? null,
  };
}

function pauseOf({ pausedAt, pauseReason, pausedUntil }: StoredSession): DiagnosisFacts['session']['pause'] {
  if (pausedAt === null) return null;
  return { since: pausedAt, reason: pauseReason as PauseReason, until: pausedUntil };
}

function durationsOf({ message, attempts }: TimelineFacts, now: Date): MessageTimeline['durations'] {
  if (message.origin !== 'api') return { queuedMs: null, handOverMs: null, acknowledgementMs: null };
  const first = attempts[0]?.startedAt;
  const handed = attempts.find(({ outcome }) => outcome === 'handed')?.endedAt;
  const until = first ?? message.endedAt ?? now;
  return {
    queuedMs: between(message.createdAt, until),
    handOverMs: first && handed ? between(first, handed) : null,
    acknowledgementMs: handed && message.sentAt ? between(handed, message.sentAt) : null,
  };
}

/** Clocks of several machines and WhatsApp's whole seconds may put a later moment before an earlier one. */
function between(from: Date, to: Date): number {
  return Math.max(0, to.getTime() - from.getTime());
}
