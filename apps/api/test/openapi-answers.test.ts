import { beforeAll, describe, expect, it } from 'vitest';
import { ERROR_CODES, ERROR_STATUS, type ErrorCode } from '#contracts';
import type { RefusedDraft } from '../src/messages/accept/accept-repository.js';
import { refusal } from '../src/messages/accept/refusal.js';
import { MESSAGE_ERRORS, messageSchema } from '../src/messages/message-resource.js';
import { dryRunSchema } from '../src/messages/messages.dto.js';
import { RenderedDocument, type Operation } from './openapi-document.js';

let rendered: RenderedDocument;

beforeAll(async () => {
  rendered = await RenderedDocument.render();
});

/** Every way in which the database does not take a message; a new one has to be added here. */
const REFUSED_DRAFTS = {
  key_reused: true,
  in_progress: true,
  tenant_cap: true,
  session_cap: true,
  session_gone: true,
  media_gone: true,
  opted_out: true,
} as const satisfies Record<Exclude<RefusedDraft['outcome'], 'replayed'>, true>;

/** What an operation with such a field in its query or body can refuse. */
const REFUSALS_OF_FIELD: Record<string, ErrorCode[]> = {
  session: ['not_found', 'session_not_allowed', 'wrong_key_mode'],
  to: ['invalid_recipient'],
  recipient: ['invalid_recipient'],
  quoted: ['quoted_not_found'],
};

function missingRefusals(operation: Operation): string[] {
  const named = operation['x-problems'] ?? [];
  return fieldsOf(operation).flatMap((field) =>
    (REFUSALS_OF_FIELD[field] ?? []).filter((code) => !named.includes(code)),
  );
}

/** Names of what a request may say: a message's `from` and `to` in a list are times. */
function fieldsOf(operation: Operation): string[] {
  const bodies = Object.values(operation.requestBody?.content ?? {});
  const inBody = bodies.flatMap(({ schema }) => Object.keys(rendered.resolve(schema)?.properties ?? {}));
  const around = (operation.parameters ?? []).map(({ name }) => name).filter((name) => name !== 'to');
  return [...inBody, ...around];
}

function acceptsMessages(operation: Operation): boolean {
  return fieldsOf(operation).includes('dryRun');
}

/** Messages among the examples. */
function messagesIn(value: unknown): Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('waMessageId' in value && 'attempts' in value) return [value];
  return Object.values(value).flatMap(messagesIn);
}

describe('the answers in the OpenAPI document', () => {
  it('names every code that has a status somewhere, but for those that no operation answers', () => {
    const named = new Set(rendered.operations.flatMap(({ operation }) => operation['x-problems'] ?? []));
    // Of paths that do not take the method; of accepted messages; of channels to come; of nodes.
    const elsewhere = ['method_not_allowed', 'not_on_whatsapp', 'channel_cannot', 'stale_epoch'];
    expect(ERROR_CODES.filter((code) => !named.has(code)).toSorted()).toEqual(elsewhere.toSorted());
  });

  it('names what can be refused wherever it can be', () => {
    expect(rendered.breakers(({ operation }) => missingRefusals(operation).length === 0)).toEqual([]);
    const sends = rendered.operations.filter(({ operation }) => acceptsMessages(operation));
    expect(sends.map(({ name }) => name)).toEqual([
      'POST /api/v1/messages',
      'POST /api/v1/messages/send-text',
      'POST /api/v1/messages/send-media',
    ]);
    for (const outcome of Object.keys(REFUSED_DRAFTS)) {
      const { code } = refusal(outcome as RefusedDraft['outcome']);
      for (const { name, operation } of sends) expect(operation['x-problems'], name).toContain(code);
    }
  });

  it('describes both answers to a send that is held or only checked', () => {
    for (const { operation } of rendered.operations.filter(({ operation: one }) => acceptsMessages(one))) {
      const body = operation.responses['200']?.content?.['application/json'];
      expect(body?.schema?.oneOf).toEqual([
        { $ref: '#/components/schemas/Message' },
        { $ref: '#/components/schemas/DryRun' },
      ]);
      const examples = body?.examples as Record<string, { value: Record<string, unknown> }>;
      expect(messageSchema.parse(examples.wait?.value)).toMatchObject({ status: 'delivered', ack: 2 });
      expect(dryRunSchema.parse(examples.dryRun?.value)).toMatchObject({ dryRun: true });
    }
  });

  it('shows of a message only what can be', () => {
    const shown = rendered.operations.flatMap(({ operation }) =>
      messagesIn(Object.values(operation.responses)),
    );
    expect(shown.length).toBeGreaterThan(5);
    for (const { direction, status, ack, waMessageId, sentAt, deliveredAt, attempts } of shown) {
      if (direction === 'in') continue;
      const isArrived = status === 'delivered' || status === 'read' || status === 'played';
      const isHanded = isArrived || status === 'sent';
      expect([ack !== null, waMessageId !== null, sentAt !== null, Number(attempts) > 0]).toEqual(
        Array.from({ length: 4 }, () => isHanded),
      );
      expect(deliveredAt !== null).toBe(isArrived);
    }
  });

  it('names the codes that a message can fail with', () => {
    const { error } = rendered.document.components.schemas.Message?.properties ?? {};
    expect(error?.anyOf?.[0]?.properties?.code?.enum).toEqual(Object.keys(MESSAGE_ERRORS));
  });

  it('shows of every error what is answered with that code', () => {
    const { examples } = rendered.document.components;
    expect(Object.keys(examples).toSorted()).toEqual(ERROR_CODES.toSorted());
    for (const [code, { value }] of Object.entries(examples))
      expect(value).toMatchObject({ code, status: ERROR_STATUS[code as keyof typeof ERROR_STATUS] });
    const shown = rendered.operations.flatMap(({ operation }) =>
      Object.values(operation.responses).flatMap(({ content }) =>
        Object.keys(content?.['application/problem+json']?.examples ?? {}),
      ),
    );
    expect(shown.length).toBeGreaterThan(rendered.operations.length);
  });

  it('marks what asks WhatsApp each time as what it is, and lets waits be of up to 30 seconds', () => {
    const operation = (name: string) => rendered.operations.find((one) => one.name === name)?.operation;
    expect(operation('POST /api/v1/contacts/check')?.['x-idempotent']).toBe('not_idempotent');
    const wait = operation('GET /api/v1/sessions/{session}/qr')?.parameters?.find(
      ({ name }) => name === 'wait',
    );
    expect(wait?.schema).toMatchObject({ minimum: 0, maximum: 30 });
    expect(rendered.document.components.schemas.InitSession?.properties?.wait).toMatchObject({ maximum: 30 });
  });

  it('declares the headers that answers carry', () => {
    const declared = (operation: Operation, status: string) =>
      Object.keys(operation.responses[status]?.headers ?? {});
    const limited = rendered.operations.filter(({ path }) => path.startsWith('/api/v1/'));
    for (const { name, operation } of limited) {
      for (const status of Object.keys(operation.responses))
        expect(declared(operation, status), `${name} ${status}`).toContain('RateLimit-Remaining');
      expect(declared(operation, '401'), name).toContain('WWW-Authenticate');
      for (const status of ['429', '503']) expect(declared(operation, status), name).toContain('Retry-After');
      const success = Object.keys(operation.responses).find((status) => status < '300') ?? '101';
      expect(declared(operation, success).includes('Idempotent-Replayed'), name).toBe(
        operation['x-idempotent'] === 'by_key',
      );
    }
    const made = limited.filter(
      ({ operation }) => operation['x-idempotent'] === 'by_key' && '201' in operation.responses,
    );
    expect(made.length).toBeGreaterThan(5);
    for (const { name, operation } of made) expect(declared(operation, '201'), name).toContain('Location');
  });
});
