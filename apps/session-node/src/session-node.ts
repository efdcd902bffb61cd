import { randomUUID } from 'node:crypto';
import { SystemClock } from '#kernel';
import { S3MediaStore } from '#media-store';
import { SignatureVerifier, type Logger } from '#runtime';
import type { Heartbeat } from '#contracts';
import type { SessionNodeConfig } from './config.js';
import { readUserAgent } from './drivers/webjs/launch-options.js';
import { loadPageScript } from './drivers/webjs/page-bundle.js';
import { TransferGate } from './drivers/webjs/transfer-gate.js';
import { webjsDrivers } from './drivers/webjs/webjs-driver.js';
import { NodeMetrics } from './node-metrics.js';
import { ApiClient } from './protocol/api-client.js';
import { CommandDispatcher } from './protocol/command-dispatcher.js';
import { EventOutbox } from './protocol/event-outbox.js';
import type { NodeHealth } from './protocol/health.controller.js';
import { HeartbeatLoop, type HeartbeatOptions } from './protocol/heartbeat-loop.js';
import { startHttpServer } from './protocol/http-server.js';
import { FailureGuard } from './supervisor/failure-guard.js';
import { LaunchGate } from './supervisor/launch-gate.js';
import { ProfilesDirectory } from './supervisor/profiles-directory.js';
import { SessionRegistry } from './supervisor/session-registry.js';
import { DEFAULT_SETTINGS, type SupervisorSettings } from './supervisor/settings.js';
import type { DriverFactory } from './drivers/driver.js';

export interface SessionNode {
  url: string;
  port: number;
  bootId: string;
  sessions: SessionRegistry;
  /** Closes every browser, delivers what events it can, and stops listening. */
  close(): Promise<void>;
}

const OUTBOX_STOP_MS = 3_000;
const COMMANDS_DRAIN_MS = 5_000;
const STALE_HEARTBEAT_MS = 30_000;
const CLOCK = new SystemClock();

/** Starts a node: takes its profiles folder, kills what a dead node left there, listens, and reports to the api. */
export async function startSessionNode(config: SessionNodeConfig, log: Logger): Promise<SessionNode> {
  const bootId = randomUUID();
  const sandbox = !config.CHROME_NO_SANDBOX;
  const profiles = new ProfilesDirectory(config.PROFILES_DIR);
  const killed = await profiles.take(DEFAULT_SETTINGS.killTimeoutMs, () => endAtOnce(log));
  if (killed > 0) log.warn({ count: killed }, 'processes of an earlier node were ended');
  const api = new ApiClient(config.API_URL, config.INTERNAL_SECRET);
  const outbox = new EventOutbox({
    nodeName: config.NODE_NAME,
    log,
    post: (batch) => api.postEvents(batch),
    onStale: (stale) => sessions.closeStale(stale),
    onRefused: ({ sessionId, fact }) => sessions.refused(sessionId, fact),
    epochOf: (sessionId) => sessions.epochOf(sessionId),
  });
  const sessions = await createRegistry(config, log, outbox, profiles);
  const metrics = new NodeMetrics(sessions, outbox);
  const guard = new FailureGuard(sessions, metrics, log);
  const heartbeats = createHeartbeats(config, log, {
    beat: (heartbeat) => api.heartbeat(heartbeat),
    describe: () => describeNode(config, url, bootId, sessions),
    onAnswer: (answer, askedMs) => {
      outbox.retryNow();
      sessions.reconcile(answer, askedMs);
    },
  });
  const server = await startHttpServer(
    {
      log,
      dispatcher: new CommandDispatcher(sessions, { bootId, sandbox }),
      verifier: new SignatureVerifier(config.INTERNAL_SECRET),
      health: healthOf(sessions, heartbeats, metrics, sandbox),
    },
    { host: config.HOST, port: config.PORT },
  );
  const url = config.NODE_URL ?? `http://${config.HOST}:${server.port}`;
  guard.install();
  outbox.start();
  heartbeats.start();
  log.info({ port: server.port, capacity: config.MAX_SESSIONS, sandbox }, 'session-node is up');
  const close = async (): Promise<void> => {
    await heartbeats.stop();
    await sessions.close(COMMANDS_DRAIN_MS);
    await server.close();
    await outbox.stop(OUTBOX_STOP_MS);
    await profiles.release();
    guard.remove();
  };
  return { url, bootId, sessions, port: server.port, close };
}

/** Two nodes on one profile would ruin its login; our browsers end with us, as their pipe closes. */
function endAtOnce(log: Logger): never {
  log.fatal('another session-node took PROFILES_DIR while this one gave no sign of life; ending');
  process.exit(1);
}

function createHeartbeats(
  config: SessionNodeConfig,
  log: Logger,
  parts: Pick<HeartbeatOptions, 'beat' | 'describe' | 'onAnswer'>,
): HeartbeatLoop {
  return new HeartbeatLoop({ ...parts, log, clock: CLOCK, intervalMs: config.HEARTBEAT_INTERVAL_MS });
}

async function createRegistry(
  config: SessionNodeConfig,
  log: Logger,
  sink: EventOutbox,
  profiles: ProfilesDirectory,
): Promise<SessionRegistry> {
  const context = {
    log,
    sink,
    profiles,
    clock: CLOCK,
    settings: settingsOf(config),
    gate: new LaunchGate(config.LAUNCH_CONCURRENCY),
    driverFactory: await createDrivers(config),
  };
  return new SessionRegistry(context, config.MAX_SESSIONS);
}

async function createDrivers(config: SessionNodeConfig): Promise<DriverFactory> {
  const noSandbox = config.CHROME_NO_SANDBOX;
  const [pageScript, userAgent] = await Promise.all([
    loadPageScript(),
    readUserAgent(config.CHROME_PATH, noSandbox),
  ]);
  return webjsDrivers({
    noSandbox,
    pageScript,
    userAgent,
    chromePath: config.CHROME_PATH,
    simulatorUrl: config.SIMULATOR_URL,
    mediaMaxBytes: config.MEDIA_MAX_BYTES,
    transferGate: new TransferGate(),
    clock: CLOCK,
    mediaStore: new S3MediaStore({
      endpoint: config.S3_ENDPOINT,
      region: config.S3_REGION,
      bucket: config.S3_BUCKET,
      accessKey: config.S3_ACCESS_KEY,
      secretKey: config.S3_SECRET_KEY,
    }),
  });
}

function settingsOf(config: SessionNodeConfig): SupervisorSettings {
  return {
    ...DEFAULT_SETTINGS,
    probeIntervalMs: config.PROBE_INTERVAL_MS,
    probeTimeoutMs: config.PROBE_TIMEOUT_MS,
    startTimeoutMs: config.START_TIMEOUT_MS,
    linkTtlMs: config.LINK_TTL_MS,
    sweepIntervalMs: config.SWEEP_INTERVAL_MS,
    closeGraceMs: Math.min(DEFAULT_SETTINGS.closeGraceMs, config.SHUTDOWN_TIMEOUT_MS),
  };
}

function describeNode(
  config: SessionNodeConfig,
  url: string,
  bootId: string,
  sessions: SessionRegistry,
): Heartbeat {
  return {
    url,
    bootId,
    name: config.NODE_NAME,
    capacity: config.MAX_SESSIONS,
    sandbox: !config.CHROME_NO_SANDBOX,
    sessions: sessions.list().map(({ address, snapshot }) => ({ ...address, snapshot })),
  };
}

function healthOf(
  sessions: SessionRegistry,
  heartbeats: HeartbeatLoop,
  metrics: NodeMetrics,
  sandbox: boolean,
): NodeHealth {
  return {
    findings: () =>
      (heartbeats.answerAgeMs ?? Infinity) > STALE_HEARTBEAT_MS ? ['the api does not answer heartbeats'] : [],
    details: () => ({ sessions: sessions.activeCount, capacity: sessions.capacity, sandbox }),
    metrics: () => metrics.registry.metrics(),
  };
}
