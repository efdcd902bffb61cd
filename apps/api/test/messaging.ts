import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NodeFact, NodeRequest, NodeResponse, WaMessage } from '#contracts';
import { MediaStore } from '#media-store';
import { startObjectStore, type RunningObjectStore } from '#embedded';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import { waitFor } from '../../../test/support/index.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { connected, ScriptedNode, snapshot } from './scripted-node.js';
import type { SessionBody } from './session-bodies.js';

export type SendRequest = NodeRequest<'message.send'>;
export type SendAnswer = NodeResponse<'message.send'>;

export const OWN_PHONE = '4915187654321';
export const ALEX = '4915112345678';
const HEARTBEAT_EVERY_MS = 3_000;
const S3 = { accessKey: 'wagate', secretKey: 'secret-of-the-tests', bucket: 'media' };

/** The api with a real store and a scripted node that lives, as messages need them. */
export class Messaging {
  private timer: NodeJS.Timeout | undefined;

  private constructor(
    readonly api: TestApi,
    readonly node: ScriptedNode,
    readonly store: RunningObjectStore,
    private readonly folder: string,
  ) {}

  static async start(settings: Record<string, string> = {}): Promise<Messaging> {
    const folder = await mkdtemp(join(tmpdir(), 'wagate-messaging-'));
    const { accessKey, secretKey, bucket } = S3;
    const store = await startObjectStore({ dataDir: folder, accessKey, secretKey, buckets: [bucket] });
    const api = await startApi({
      S3_ENDPOINT: store.endpoint,
      S3_ACCESS_KEY: accessKey,
      S3_SECRET_KEY: secretKey,
      S3_BUCKET: bucket,
      ...settings,
    });
    const node = await new ScriptedNode(api, 'node-1').start();
    const messaging = new Messaging(api, node, store, folder);
    messaging.keepAlive();
    return messaging;
  }

  /** A tenant with a session that is connected. */
  async connect(tenant?: TestTenant): Promise<{ tenant: TestTenant; session: SessionBody }> {
    const owner = tenant ?? (await this.api.createTenant());
    const { body: session } = await owner.client.post<SessionBody>('/sessions');
    await owner.client.post(`/sessions/${session.id}/start`);
    await this.node.become(session.id, connected(OWN_PHONE));
    return { tenant: owner, session };
  }

  report(sessionId: string, ...facts: NodeFact[]): Promise<string[]> {
    return this.node.report(...facts.map((fact) => ({ ...this.node.addressOf(sessionId), fact })));
  }

  ack(sessionId: string, waMessageId: string, ack: number): Promise<string[]> {
    const waKey = `true_${ALEX}@c.us_${waMessageId}`;
    const at = new Date().toISOString();
    return this.report(sessionId, {
      kind: 'message.ack',
      waKey,
      waMessageId,
      chatId: `${ALEX}@c.us`,
      ack,
      at,
    });
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.api.close();
    await this.node.stop();
    await this.store.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A node that is stopped, as in some tests, is not heard. */
  private keepAlive(): void {
    this.timer = setInterval(() => void this.node.heartbeat().catch(() => undefined), HEARTBEAT_EVERY_MS);
  }
}

/** A node that hands over at once; WhatsApp's server acknowledges with `ack`. */
export function handed(request: SendRequest, ack = 0): SendAnswer {
  return {
    outcome: 'handed',
    waKey: `true_${request.chatId}_${request.waMessageId}`,
    chatId: request.chatId,
    ack,
    timestamp: new Date().toISOString(),
  };
}

/** The message, once it is as told. */
export async function messageWhen(
  tenant: TestTenant,
  id: string,
  what: string,
  test: (message: MessageResource) => boolean,
): Promise<MessageResource> {
  return waitFor(
    async () => {
      const { body } = await tenant.client.get<MessageResource>(`/messages/${id}`);
      return test(body) && body;
    },
    { what },
  );
}

export function statusOf(tenant: TestTenant, id: string, status: string): Promise<MessageResource> {
  return messageWhen(tenant, id, `a message to be ${status}`, (message) => message.status === status);
}

/** A text that came in from Alex. */
export function incoming(waMessageId: string, changes: Partial<WaMessage> = {}): NodeFact {
  const person = { id: `${ALEX}@c.us`, phone: ALEX, lid: null, name: 'Alex Example' };
  return {
    kind: 'message.upsert',
    message: {
      waKey: `false_${ALEX}@c.us_${waMessageId}`,
      waMessageId,
      fromMe: false,
      chat: { ...person, kind: 'person' },
      author: person,
      timestamp: '2026-01-01T10:00:00.000Z',
      content: { type: 'text', text: 'Hello' },
      quotedWaMessageId: null,
      ack: null,
      origin: 'live',
      ...changes,
    },
  };
}

/** What a node reports of a linked session that lost its network. */
export function interrupted() {
  return snapshot({ state: 'interrupted', reason: 'network', me: connected(OWN_PHONE).me });
}

/** How much there is of everything that a refused request must leave alone. */
export async function tracesOf(messaging: Messaging, tenantId: string): Promise<object> {
  const [row] = await messaging.api.database.workerSql((query) =>
    query<object>(
      `SELECT (SELECT count(*)::int FROM messages WHERE tenant_id = $1) AS messages,
         (SELECT count(*)::int FROM media WHERE tenant_id = $1) AS media,
         (SELECT count(*)::int FROM idempotency_keys WHERE tenant_id = $1) AS keys,
         (SELECT coalesce(sum(accepted), 0)::int FROM usage_daily WHERE tenant_id = $1) AS accepted`,
      [tenantId],
    ),
  );
  const objects: string[] = [];
  const store = messaging.api.app.get(MediaStore, { strict: false });
  for await (const { key } of store.list(`t/${tenantId}/`)) objects.push(key);
  return { ...row, objects };
}
