import type { EventEnvelope } from '#contracts';
import type { StoredWebhook } from '../webhook.js';
import type { AttemptResult } from '../webhook-sender.js';
import type { Delivery, NewEvents, Progress } from './delivery-repository.js';

/** What a lane does its work with. */
export interface LaneParts {
  send: (webhook: StoredWebhook, delivery: Delivery) => Promise<AttemptResult>;
  listNew: (webhook: StoredWebhook, afterSeq: number, limit: number) => Promise<NewEvents>;
  listDue: (webhook: StoredWebhook, known: readonly string[], limit: number) => Promise<Delivery[]>;
  record: (webhook: StoredWebhook, progress: Progress) => Promise<boolean>;
  /** Bytes of an event, about. */
  sizeOf: (event: EventEnvelope) => number;
  /** Room for one more post when `ofWebhook` are under way; `freed` is called when there may be room again. */
  takeSlot: (ofWebhook: number, freed: () => void) => boolean;
  /** @param ofWebhook posts that are still under way */
  giveSlot: (ofWebhook: number) => void;
  mostInFlight: number;
  now: () => number;
}
