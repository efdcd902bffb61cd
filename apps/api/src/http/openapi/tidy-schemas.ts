import type { OpenAPIObject } from '@nestjs/swagger';

type Json = Record<string, unknown>;

const UNWRAP = 'x-nestjs_zod-unwrap-root';
const DEFS = 'x-nestjs_zod-$defs';
const EMPTY_TYPE = 'x-nestjs_zod-empty-type';
const PARENT_ID = 'x-nestjs_zod-parent-id';

/**
 * Since 4.6 zod writes the schema of a root that has an id as a `$ref` into `$defs`, which nestjs-zod 5.5 takes for a
 * second schema of that name and refuses. Puts the root back where nestjs-zod looks for it; to be called before
 * `cleanupOpenApiDoc`. Gone when `cleanupOpenApiDoc` accepts the untouched document.
 */
export function inlineRoots(document: OpenAPIObject): OpenAPIObject {
  for (const schema of Object.values(document.components?.schemas ?? {})) {
    const { properties } = schema as { properties?: Json };
    const root = properties?.root as Json | undefined;
    if (properties && root && UNWRAP in root) properties.root = inlineRoot(root);
  }
  return document;
}

function inlineRoot(root: Json): Json {
  const id = typeof root.$ref === 'string' ? root.$ref.replace('#/$defs/', '') : undefined;
  const defs = root[DEFS] as Record<string, Json> | undefined;
  const own = id === undefined ? undefined : defs?.[id];
  if (!own) return root;
  const { $ref: _ref, type: _type, [DEFS]: _defs, [EMPTY_TYPE]: _empty, ...marks } = root;
  const others = Object.fromEntries(Object.entries(defs ?? {}).filter(([name]) => name !== id));
  return { ...marks, ...own, [PARENT_ID]: id, ...(Object.keys(others).length > 0 ? { [DEFS]: others } : {}) };
}

/**
 * Names schemas as a reader would: without `Dto`, and without `_Output` where the input is the same or not shown.
 * Bounds of all safe integers say nothing and are left out.
 */
export function nameSchemas(document: OpenAPIObject): OpenAPIObject {
  const schemas = document.components?.schemas ?? {};
  const names = Object.keys(schemas);
  const renamed = new Map<string, string>();
  for (const name of names) {
    const short = name.replace(/Dto(?=_Output$|$)/, '');
    const plain = short.replace(/_Output$/, '');
    const rival = schemas[plain] ?? schemas[`${plain}Dto`];
    const isAlone =
      plain === short || rival === undefined || JSON.stringify(rival) === JSON.stringify(schemas[name]);
    renamed.set(name, isAlone ? plain : short.replace(/_Output$/, 'Answer'));
  }
  const text = JSON.stringify(document, (key, value: unknown) => (isNoBound(key, value) ? undefined : value));
  const linked = text.replace(/"#\/components\/schemas\/([^"]+)"/g, (whole, name: string) => {
    const next = renamed.get(name);
    return next === undefined ? whole : `"#/components/schemas/${next}"`;
  });
  const result = JSON.parse(linked) as OpenAPIObject;
  const given = Object.entries(result.components?.schemas ?? {});
  const sorted = given.map(([name, schema]) => [renamed.get(name) ?? name, schema] as const);
  sorted.sort(([a], [b]) => (a < b ? -1 : 1));
  result.components = { ...result.components, schemas: Object.fromEntries(sorted) };
  return result;
}

function isNoBound(key: string, value: unknown): boolean {
  return (key === 'minimum' || key === 'maximum') && Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER;
}
