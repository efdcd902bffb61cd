import type { Clock } from '#kernel';
import type { Logger } from 'pino';
import type { DriverFactory } from '../drivers/driver.js';
import type { EventSink } from '../protocol/event-sink.js';
import type { LaunchGate } from './launch-gate.js';
import type { ProfilesDirectory } from './profiles-directory.js';
import type { RestartLimits } from './restart-policy.js';

/** Deadlines and rhythms of a session's life, milliseconds. */
export interface SupervisorSettings {
  probeIntervalMs: number;
  probeTimeoutMs: number;
  /** Probes in a row that may fail; one more and the browser is killed. */
  toleratedMisses: number;
  /** From the launch, or from the accepted login, to `connected`. */
  startTimeoutMs: number;
  /** How long QR codes are shown for one start. */
  linkTtlMs: number;
  sweepIntervalMs: number;
  /** How long a browser may take to close by itself. */
  closeGraceMs: number;
  killTimeoutMs: number;
  /** Garbage collection in the page, this long after it became ready. */
  collectGarbageAfterMs: number;
  restarts: RestartLimits;
}

export const DEFAULT_SETTINGS: SupervisorSettings = {
  probeIntervalMs: 15_000,
  probeTimeoutMs: 10_000,
  toleratedMisses: 1,
  startTimeoutMs: 120_000,
  linkTtlMs: 180_000,
  sweepIntervalMs: 60_000,
  closeGraceMs: 10_000,
  killTimeoutMs: 10_000,
  collectGarbageAfterMs: 60_000,
  restarts: { firstMaxMs: 2_000, maxMs: 300_000, perHour: 10 },
};

/** What every session of a node shares. */
export interface SupervisorContext {
  settings: SupervisorSettings;
  clock: Clock;
  log: Logger;
  gate: LaunchGate;
  sink: EventSink;
  profiles: ProfilesDirectory;
  driverFactory: DriverFactory;
}
