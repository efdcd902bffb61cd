import { describe, expect, it } from 'vitest';
import type { EventDelivery } from '../../webhooks/index.js';
import type { Diagnosis } from './diagnosis-facts.js';
import { withWebhooks } from './webhook-diagnosis.js';
import { deliveryText } from './webhook-texts.js';

const NOW = new Date('2026-01-01T12:30:00Z');
const at = (time: string) => new Date(`2026-01-01T${time}:00Z`);

const read: Diagnosis = {
  code: 'read',
  summary: 'The recipient has read it.',
  advice: 'Nothing has to be done.',
};
const pending: EventDelivery = {
  id: 'dlv_1',
  webhookId: 'whk_1',
  url: 'https://example.com/hook',
  eventId: 'evt_1',
  eventType: 'message.read',
  cause: 'event',
  state: 'pending',
  attempts: 3,
  status: 500,
  error: null,
  nextAt: at('12:45'),
  endedAt: null,
  isTaken: false,
  isEnabled: true,
  failingSince: at('12:00'),
};
const unanswered = { status: null, error: null };
const waiting: EventDelivery = {
  ...pending,
  ...unanswered,
  id: null,
  state: 'waiting',
  attempts: 0,
  nextAt: null,
  failingSince: null,
};
const failed: EventDelivery = {
  ...pending,
  state: 'failed',
  attempts: 10,
  nextAt: null,
  endedAt: at('12:20'),
};

const HELD_UP: [what: string, delivery: EventDelivery, why: string, advice: RegExp][] = [
  ['answers 500', pending, 'it answered 500, tried 3 times, next try at 12:45 UTC', /tried again by itself/],
  [
    'does not answer',
    { ...pending, attempts: 1, status: null, error: 'timeout', nextAt: at('12:29') },
    'it did not answer in time, the next try is due',
    /tried again by itself/,
  ],
  [
    'is given up',
    failed,
    'it answered 500, tried 10 times, and was given up',
    /POST \/deliveries\/dlv_1\/redeliver/,
  ],
  [
    'lost its event',
    { ...failed, ...unanswered, attempts: 0 },
    'the event is no longer kept or wanted',
    /redeliver/,
  ],
  [
    'rests, with the event in the log',
    { ...waiting, failingSince: at('12:00'), nextAt: at('12:31') },
    'it fails since 12:00 UTC, next try at 12:31 UTC',
    /tried again by itself/,
  ],
  [
    'is switched off',
    { ...waiting, isEnabled: false },
    'the webhook is switched off',
    /PATCH \/webhooks\/whk_1/,
  ],
];

describe('the webhooks in a diagnosis', () => {
  it.each(HELD_UP)('are told of when one %s', (_, delivery, why, advice) => {
    const diagnosis = withWebhooks(read, [delivery], NOW);
    expect(diagnosis).toMatchObject({
      code: 'read',
      summary: `The recipient has read it. But webhook whk_1 has not taken message.read: ${why}.`,
    });
    expect(diagnosis.advice).toMatch(/^Nothing has to be done for the message itself\. /);
    expect(diagnosis.advice).toMatch(advice);
    expect(deliveryText(delivery, NOW)).toBe(`Not taken: ${why}.`);
  });

  it('are not told of when all have the event, or their turn has not come yet', () => {
    const delivered: EventDelivery = { ...pending, state: 'delivered', status: 204, isTaken: true };
    for (const fine of [delivered, waiting, { ...failed, isTaken: true }])
      expect(withWebhooks(read, [fine], NOW)).toEqual(read);
    expect(deliveryText(delivered, NOW)).toBe('Delivered at attempt 3: it answered 204.');
    expect(deliveryText(waiting, NOW)).toBe('Not tried yet, or being posted at this moment.');
  });

  it('are told of by the one that is furthest from having the event, and the number of the others', () => {
    const others = [pending, { ...pending, webhookId: 'whk_2' }, { ...failed, webhookId: 'whk_3' }];
    const { summary } = withWebhooks({ ...read, code: 'failed' }, others, NOW);
    expect(summary).toContain('Besides, webhook whk_3 has not taken message.read');
    expect(summary).toMatch(/The same goes for 2 other webhooks\.$/);
  });
});
