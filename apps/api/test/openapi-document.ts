import { renderOpenApi } from '../src/openapi-file.js';

export interface Schema {
  $ref?: string;
  type?: string;
  additionalProperties?: unknown;
  properties?: Record<string, Schema>;
  enum?: string[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  example?: unknown;
  examples?: unknown;
}

export interface Body {
  schema?: Schema;
  example?: unknown;
  examples?: unknown;
}

export interface Operation {
  operationId: string;
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: { in: string; name: string; description?: string; schema?: Schema }[];
  requestBody?: { content: Record<string, Body> };
  responses: Record<string, { description: string; content?: Record<string, Body>; headers?: object }>;
  security?: object[];
  'x-scopes'?: string[];
  'x-idempotent'?: string;
  'x-problems'?: string[];
}

export interface Document {
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Record<string, Schema>;
    examples: Record<string, { value: Record<string, unknown> }>;
  };
}

export interface NamedOperation {
  name: string;
  method: string;
  path: string;
  operation: Operation;
}

/** The OpenAPI document as the app makes it. */
export class RenderedDocument {
  private constructor(
    readonly text: string,
    readonly document: Document,
    readonly operations: NamedOperation[],
  ) {}

  static async render(): Promise<RenderedDocument> {
    const text = await renderOpenApi();
    const document = JSON.parse(text) as Document;
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        name: `${method.toUpperCase()} ${path}`,
        method,
        path,
        operation,
      })),
    );
    return new RenderedDocument(text, document, operations);
  }

  /** Names of the operations that break a rule. */
  breakers(rule: (one: NamedOperation) => boolean): string[] {
    return this.operations.filter((one) => !rule(one)).map(({ name }) => name);
  }

  /** What a `$ref` refers to. */
  resolve(schema: Schema | undefined): Schema | undefined {
    if (!schema?.$ref) return schema;
    return this.resolve(this.document.components.schemas[schema.$ref.replace('#/components/schemas/', '')]);
  }
}
