import type { Simulator } from '../../apps/simulator/src/index.js';
import type { ContenderPids, CpuSplit } from './cpu-split.js';

export const SESSIONS = 10;
export const CHATS = 8;
/** Calls of the plain library at a time: one after the other, and as many as there are chats. */
export const SERIAL = 1;
export const LATENCY_MESSAGES = 100;
export const PAUSE_MS = 150;
export const WARM_UP_MESSAGES = 40;
export const MESSAGES_OF_ONE = 400;
export const MESSAGES_OF_EACH_OF_TEN = 60;
/** Of each rate, in turn; the median counts. */
export const ROUNDS = 3;

/** Linked sessions that send, with or without wagate. */
export interface Sender {
  simulator: Simulator;
  pids: ContenderPids;
  /** Sends one message from the first session. Times of `nowMs()`. */
  send(to: string, body: string): Promise<{ calledAtMs: number; acceptedAtMs: number }>;
  /** Each of the first `sessions` sends `count` messages to `to` in turn, bodies `<prefix>-<session>-<n>`. */
  sendMany(order: SendOrder): Promise<void>;
  /** Lets a contender become what it is after some minutes: its database has statistics then. */
  warmedUp?(): Promise<void>;
  /** Takes in the same, lets nothing go meanwhile, and resolves with what lets them go. Of a contender with a queue. */
  fillQueue?(order: SendOrder): Promise<() => Promise<void>>;
}

export interface SendOrder {
  prefix: string;
  sessions: number;
  to: string[];
  count: number;
  inFlight: number;
}

/** Hand-overs a second, and what each cost, ms of processor time. */
export interface Rate {
  perSecond: number;
  cpuMs: CpuSplit;
}

export interface DispatchResult {
  fromCallMs: number[];
  fromAcceptMs: number[];
  /** By the calls in flight for each session. */
  oneSession: Record<number, Rate>;
  tenSessions: Record<number, Rate>;
  /** Of messages that were all accepted before. */
  fullQueue?: { oneSession: Rate; tenSessions: Rate };
}
