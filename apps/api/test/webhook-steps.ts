import { expect } from 'vitest';
import type { EventType } from '#contracts';
import type { TestApi, TestTenant } from '../../../test/support/start-api.js';
import { WebhookReceiver } from '../../../test/support/index.js';
import { EventLog } from '../src/events/index.js';
import type { DeliveryView, WebhookWithSecret } from '../src/webhooks/webhooks.dto.js';

/** Receivers are on this machine. */
export const WEBHOOK_SETTINGS = { ALLOW_PRIVATE_WEBHOOK_URLS: 'true' };

interface Happening {
  type?: EventType;
  sessionId?: string | null;
  /** `place` of the first. */
  from?: number;
  /** Makes them large. */
  text?: string;
}

/** Lets events happen to a tenant, each with its `place`. */
export async function happenTo(
  api: TestApi,
  { tenantId }: TestTenant,
  count = 1,
  { type = 'limit.reached', sessionId = null, from = 0, text }: Happening = {},
): Promise<void> {
  const events = Array.from({ length: count }, (_, i) => ({
    tenantId,
    sessionId,
    type,
    data: { place: from + i, ...(text === undefined ? {} : { text }) },
  }));
  const log = api.app.get(EventLog, { strict: false });
  await api.database.workerSql((query) => log.append(query, events));
}

export const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

/** `place` of each event that a receiver got, once, in order. */
export const placesOf = (receiver: WebhookReceiver) =>
  [...new Set(receiver.events.map(({ data }) => data['place'] as number))].sort((a, b) => a - b);

/** What a test does with the webhooks of an api that is started later. */
export function webhookSteps(api: () => TestApi) {
  const receivers: WebhookReceiver[] = [];
  return {
    receive: async (...args: Parameters<typeof WebhookReceiver.start>): Promise<WebhookReceiver> => {
      const receiver = await WebhookReceiver.start(...args);
      receivers.push(receiver);
      return receiver;
    },
    closeReceivers: async (): Promise<void> => {
      for (const receiver of receivers.splice(0)) await receiver.close();
    },
    create: async (
      tenant: TestTenant,
      url: string,
      settings: Record<string, unknown> = {},
    ): Promise<WebhookWithSecret & { secret: string }> => {
      const { status, body } = await tenant.client.post<WebhookWithSecret>('/webhooks', { url, ...settings });
      expect(status).toBe(201);
      return { ...body, secret: body.secret ?? '' };
    },
    happen: (tenant: TestTenant, count?: number, happening?: Happening) =>
      happenTo(api(), tenant, count, happening),
    deliveries: async (tenant: TestTenant, id: string, query = ''): Promise<DeliveryView[]> => {
      const answer = await tenant.client.get<{ data: DeliveryView[] }>(`/webhooks/${id}/deliveries${query}`);
      expect(answer.status).toBe(200);
      return answer.body.data;
    },
    /** Lets what is to be tried again be due now. */
    hurry: async (tenant: TestTenant): Promise<void> => {
      await api().database.tenantSql(tenant.tenantId, async (query) => {
        await query(`UPDATE webhook_deliveries SET next_at = now() WHERE state = 'pending'`);
        await query('UPDATE webhooks SET open_until = NULL');
      });
    },
  };
}
