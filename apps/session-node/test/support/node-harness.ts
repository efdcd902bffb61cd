import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import type { NodeCommand, NodeResponse, SessionSnapshot } from '#contracts';
import { newId } from '#kernel';
import { S3MediaStore } from '#media-store';
import { createLogger, loadConfig, signRequest } from '#runtime';
import { startSimulator, type BuildProfile, type Simulator } from '../../../simulator/src/index.js';
import { testBrowserPath, waitFor } from '../../../../test/support/index.js';
import { sessionNodeConfigSchema } from '../../src/config.js';
import { startSessionNode, type SessionNode } from '../../src/session-node.js';
import { FakeApi } from './fake-api.js';

export interface CommandAnswer<C extends NodeCommand> {
  status: number;
  body: NodeResponse<C>;
}

export interface TestAddress {
  tenantId: string;
  sessionId: string;
  epoch: number;
}

/** A node with everything around it real except the api, which is a small receiver. */
export class NodeHarness {
  readonly secret = randomBytes(32).toString('hex');
  readonly api = new FakeApi(this.secret);
  readonly media = new S3MediaStore(inject('s3'));
  readonly tenantId = newId('tnt');
  node!: SessionNode;
  simulator!: Simulator;
  folder!: string;
  private apiUrl!: string;
  private readonly closers: (() => Promise<void>)[] = [];

  constructor(
    private readonly profile: BuildProfile,
    private readonly environment: Record<string, string> = {},
  ) {}

  async start(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), 'wagate-node-'));
    this.apiUrl = await this.api.start();
    this.simulator = await startSimulator({ profile: this.profile });
    this.closers.push(() => this.simulator.close());
    await this.startNode();
    this.closers.push(() => this.node.close());
  }

  async startNode(): Promise<void> {
    const s3 = inject('s3');
    const config = loadConfig(sessionNodeConfigSchema, {
      PORT: '0',
      API_URL: this.apiUrl,
      INTERNAL_SECRET: this.secret,
      PROFILES_DIR: join(this.folder, 'profiles'),
      CHROME_PATH: testBrowserPath(),
      CHROME_NO_SANDBOX: String(process.getuid?.() === 0),
      SIMULATOR_URL: this.simulator.controlUrl,
      S3_ENDPOINT: s3.endpoint,
      S3_REGION: s3.region,
      S3_BUCKET: s3.bucket,
      S3_ACCESS_KEY: s3.accessKey,
      S3_SECRET_KEY: s3.secretKey,
      HEARTBEAT_INTERVAL_MS: '300',
      ...this.environment,
    });
    const level = process.env.TEST_LOG === 'on' ? 'debug' : 'silent';
    this.node = await startSessionNode(config, createLogger('session-node', level, { format: 'pretty' }));
  }

  /** Ends what was started, also after a start that failed half-way. */
  async stop(): Promise<void> {
    for (const close of this.closers.splice(0).reverse()) await close();
    await this.api.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  address(epoch = 1): TestAddress {
    return { tenantId: this.tenantId, sessionId: newId('ses'), epoch };
  }

  /** Places a session on the node, as the api's heartbeat answers say. */
  assign(address: TestAddress, running = true): void {
    const others = this.api.assigned.filter(({ sessionId }) => sessionId !== address.sessionId);
    this.api.assigned = [...others, { ...address, mode: 'test', running }];
  }

  async command<C extends NodeCommand>(
    name: C,
    body: object,
    secret = this.secret,
  ): Promise<CommandAnswer<C>> {
    const path = `/internal/commands/${name}`;
    const text = JSON.stringify(body);
    const response = await fetch(`${this.node.url}${path}`, {
      method: 'POST',
      body: text,
      headers: {
        'content-type': 'application/json',
        ...signRequest(secret, { method: 'POST', path, body: text }),
      },
    });
    return { status: response.status, body: (await response.json()) as NodeResponse<C> };
  }

  async control<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`${this.simulator.controlUrl}${path}`, {
      method,
      ...(body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} gave ${response.status}: ${text}`);
    return (text ? JSON.parse(text) : undefined) as T;
  }

  async snapshot(address: TestAddress): Promise<SessionSnapshot> {
    return (await this.command('session.diagnostics', address)).body.snapshot;
  }

  waitForState(
    address: TestAddress,
    state: SessionSnapshot['state'],
    deadlineMs = 90_000,
  ): Promise<SessionSnapshot> {
    return waitFor(
      async () => {
        const snapshot = await this.snapshot(address);
        return snapshot.state === state ? snapshot : undefined;
      },
      { what: `state ${state}`, deadlineMs, pollMs: 100 },
    );
  }

  /** Starts a session and scans its QR. */
  async link(address: TestAddress, phone: string): Promise<SessionSnapshot> {
    this.assign(address);
    await this.command('session.start', { ...address, mode: 'test' });
    const shown = await waitFor(
      async () => (await this.command('session.qr', { ...address, waitMs: 10_000 })).body.qr,
      { what: 'a QR', deadlineMs: 90_000 },
    );
    await this.control('POST', '/scan', { qr: shown.qr, phone });
    return this.waitForState(address, 'connected');
  }

  async browserPid(address: TestAddress): Promise<number | null> {
    return (await this.command('session.diagnostics', address)).body.browserPid;
  }

  /** Waits until the api was told of a message with this WhatsApp id. */
  waitForMessage(address: TestAddress, waMessageId: string) {
    return waitFor(
      () =>
        this.api
          .factsOf('message.upsert', address.sessionId)
          .find(({ message }) => message.waMessageId === waMessageId)?.message,
      { what: 'the message to be reported', deadlineMs: 60_000 },
    );
  }
}

export function newWaMessageId(): string {
  return `3EB0${randomBytes(9).toString('hex').toUpperCase()}`;
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The parts of a text send. */
export function textSend(chatId: string, text: string, waMessageId = newWaMessageId()) {
  return {
    waMessageId,
    chatId,
    messageId: newId('msg'),
    content: { type: 'text', text },
    media: null,
    quotedWaKey: null,
    linkPreview: false,
  };
}
