import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { ERROR_CODES, ERROR_STATUS, SCOPES } from '#contracts';
import {
  RenderedDocument,
  type Body,
  type Document,
  type NamedOperation,
  type Operation,
  type Schema,
} from './openapi-document.js';

let rendered: string;
let document: Document;
let operations: NamedOperation[];
let breakers: RenderedDocument['breakers'];
let resolve: RenderedDocument['resolve'];

beforeAll(async () => {
  const whole = await RenderedDocument.render();
  ({ text: rendered, document, operations } = whole);
  breakers = (rule) => whole.breakers(rule);
  resolve = (schema) => whole.resolve(schema);
});

/** True when the schema takes no unknown fields; for a choice, when none of its members does. */
function isClosed(schema: Schema | undefined): boolean {
  const resolved = resolve(schema);
  if (!resolved) return false;
  const choices = resolved.anyOf ?? resolved.oneOf;
  if (choices) return choices.every(isClosed);
  return resolved.type !== 'object' || resolved.additionalProperties === false;
}

function hasExample(body: Body): boolean {
  const schema = resolve(body.schema);
  return [body.example, body.examples, schema?.example, schema?.examples].some((one) => one !== undefined);
}

describe('the OpenAPI document', () => {
  it('is the committed one; after a change run `npm run openapi`', async () => {
    const committed = await readFile(new URL('../../../openapi.json', import.meta.url), 'utf8');
    expect(rendered).toBe(committed);
  });

  it('holds the whole API', () => {
    expect(operations.length).toBeGreaterThan(10);
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !/^[A-Za-z]+_[A-Za-z]+$/.test(id))).toEqual([]);
  });

  it('says of every operation what it does and where it belongs', () => {
    const known = document.tags.map(({ name }) => name);
    expect(
      breakers(({ operation }) => operation.tags?.length === 1 && known.includes(operation.tags[0] ?? '')),
    ).toEqual([]);
    expect(breakers(({ operation }) => Boolean(operation.summary && operation.description))).toEqual([]);
  });

  it('says of every operation whether it may be repeated, and reads are safe', () => {
    const known = ['safe', 'idempotent', 'by_key', 'not_idempotent'];
    expect(breakers(({ operation }) => known.includes(operation['x-idempotent'] ?? ''))).toEqual([]);
    expect(
      breakers(({ method, operation }) => method !== 'get' || operation['x-idempotent'] === 'safe'),
    ).toEqual([]);
    expect(
      breakers(({ method, operation }) => method !== 'delete' || operation['x-idempotent'] === 'idempotent'),
    ).toEqual([]);
  });

  it('offers the Idempotency-Key exactly where it is honoured', () => {
    const offers = (operation: Operation) =>
      (operation.parameters ?? []).filter(
        ({ in: place, name }) => place === 'header' && name === 'Idempotency-Key',
      ).length;
    expect(
      breakers(({ operation }) => offers(operation) === (operation['x-idempotent'] === 'by_key' ? 1 : 0)),
    ).toEqual([]);
  });

  it('names the scopes of every operation, all of them known', () => {
    const known: readonly string[] = SCOPES;
    expect(
      breakers(({ operation }) => operation['x-scopes']?.every((scope) => known.includes(scope)) ?? false),
    ).toEqual([]);
  });

  it('asks for a key below /api/v1 and nowhere else', () => {
    expect(
      breakers(({ path, operation }) => path.startsWith('/api/v1/') === (operation.security !== undefined)),
    ).toEqual([]);
  });

  it('names the errors of every operation, with a response for each', () => {
    const known: readonly string[] = ERROR_CODES;
    expect(
      breakers(({ operation }) => {
        const codes = operation['x-problems'] ?? [];
        return (
          codes.includes('internal') &&
          codes.every(
            (code) =>
              known.includes(code) &&
              String(ERROR_STATUS[code as keyof typeof ERROR_STATUS]) in operation.responses,
          )
        );
      }),
    ).toEqual([]);
  });

  it('lets every operation on an object answer not_found, and every list invalid_cursor', () => {
    const parameters = (operation: Operation, place: string) =>
      (operation.parameters ?? []).filter(({ in: where }) => where === place);
    expect(
      breakers(
        ({ operation }) =>
          parameters(operation, 'path').length === 0 ||
          Boolean(operation['x-problems']?.includes('not_found')),
      ),
    ).toEqual([]);
    expect(
      breakers(
        ({ operation }) =>
          !parameters(operation, 'query').some(({ name }) => name === 'cursor') ||
          Boolean(operation['x-problems']?.includes('invalid_cursor')),
      ),
    ).toEqual([]);
  });

  it('shows an example of every JSON answer and request', () => {
    expect(
      breakers(({ operation }) =>
        Object.entries(operation.responses).every(([, response]) =>
          Object.entries(response.content ?? {}).every(
            ([type, body]) => !type.includes('json') || hasExample(body),
          ),
        ),
      ),
    ).toEqual([]);
    expect(
      breakers(({ operation }) =>
        Object.entries(operation.requestBody?.content ?? {}).every(
          ([type, body]) => !type.includes('json') || hasExample(body),
        ),
      ),
    ).toEqual([]);
  });

  it('takes no unknown fields in any JSON body', () => {
    expect(
      breakers(({ operation }) =>
        Object.entries(operation.requestBody?.content ?? {}).every(
          ([type, body]) => !type.includes('json') || isClosed(body.schema),
        ),
      ),
    ).toEqual([]);
  });

  it('describes every parameter', () => {
    expect(
      breakers(({ operation }) =>
        (operation.parameters ?? []).every(
          ({ description, schema }) => Boolean(description) && schema !== undefined,
        ),
      ),
    ).toEqual([]);
  });

  it('refers only to schemas that are there, and holds no trace of the generator', () => {
    const refs = [...rendered.matchAll(/"\$ref": "#\/components\/(\w+)\/([^"]+)"/g)];
    const components = document.components as unknown as Record<string, Record<string, unknown>>;
    expect(refs.filter(([, kind = '', name = '']) => components[kind]?.[name] === undefined)).toEqual([]);
    expect(rendered).not.toMatch(/x-nestjs_zod|_Output"|Dto"/);
  });
});
