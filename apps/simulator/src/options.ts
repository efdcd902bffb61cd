import type { Network } from './network/network.js';

/** Which build of the WhatsApp Web page the simulator serves; see docs/simulator.md, "Build profiles". */
export type BuildProfile = 'classic' | '2026-09';

export interface SimulatorOptions {
  /** Address of the control API and of the page server. Default 127.0.0.1. */
  host?: string;
  /** Port of the control API; 0 takes any free one. Default 0. */
  port?: number;
  /** Port of the TLS server that plays web.whatsapp.com and *.whatsapp.net; 0 takes any free one. Default 0. */
  pagePort?: number;
  /** Default `2026-09`. */
  profile?: BuildProfile;
  /** Keeps accounts, groups, links, messages and queues over restarts. Without it everything is in memory. */
  stateFile?: string;
  /** How long the first QR of a page is valid. Default 60,000. */
  qrFirstMs?: number;
  /** How long each further QR is valid. Default 20,000. */
  qrNextMs?: number;
  /** Ballast in the page's JavaScript heap, so that a page weighs what WhatsApp Web weighs. Default 0. */
  pageHeapMb?: number;
  /** Where the certificate is kept. Default: beside the state file, else in memory only. */
  certDir?: string;
}

export interface Simulator {
  /** Base URL of the control API, without a trailing slash. */
  controlUrl: string;
  /** What a Chromium needs on its command line to see this simulator as WhatsApp. */
  browserRoute: { args: string[] };
  /** The network itself, for tests in the same process. */
  network: Network;
  close(): Promise<void>;
}
