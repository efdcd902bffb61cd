import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newId, SystemClock } from '#kernel';
import { waitFor } from '../../../../test/support/index.js';
import {
  Driver,
  type DriverInbox,
  type DriverListener,
  type LinkState,
  type ProbeReport,
} from '../drivers/driver.js';
import { LaunchGate } from './launch-gate.js';
import { ProfilesDirectory } from './profiles-directory.js';
import { SessionOwner } from './session-owner.js';
import { DEFAULT_SETTINGS } from './settings.js';

const EMPTY_INBOX: DriverInbox = {
  drain: () => Promise.resolve({ facts: [], unreported: [], unreportedAt: [], more: false }),
  chatHeads: () => Promise.resolve([]),
  sweep: () => Promise.resolve([]),
  changesSince: () => Promise.resolve({ facts: [], unreported: [], next: null, isWhole: true }),
  standOf: () => Promise.resolve({ facts: [], unreported: [], next: null }),
  acksOf: () => Promise.resolve([]),
  directory: () => Promise.resolve({ chats: [], contacts: [] }),
};

function seen(link: LinkState): ProbeReport {
  const proven = link === 'online';
  return { link, proven, brokenContracts: [], shims: [], waVersion: null, me: null };
}

/** A driver without a browser, whose probes answer when they are told to. */
class ToldDriver extends Driver {
  readonly inbox = EMPTY_INBOX;
  isHeld = false;
  private readonly asked: ((report: ProbeReport) => void)[] = [];

  constructor(readonly listener: DriverListener) {
    super();
  }

  /** Probes that wait for their answer. */
  get waiting(): number {
    return this.asked.length;
  }

  async answer(link: LinkState): Promise<void> {
    await waitFor(() => this.waiting > 0, { what: 'a probe', pollMs: 5 });
    this.asked.shift()?.(seen(link));
  }

  probe(): Promise<ProbeReport> {
    return new Promise((resolve) => this.asked.push(resolve));
  }
  holdSends(isHeld: boolean): void {
    this.isHeld = isHeld;
  }
  start = () => Promise.resolve();
  close = () => Promise.resolve();
  unlink = () => Promise.resolve();
  lookup = () => Promise.resolve([]);
  checkNumbers = () => Promise.resolve([]);
  requestPairingCode = () => Promise.reject(new Error('not asked for'));
  send = () => Promise.reject(new Error('not asked for'));
  downloadMedia = () => Promise.reject(new Error('not asked for'));
}

describe('a connected session whose login comes into doubt', () => {
  let folder: string;
  let owner: SessionOwner;
  let driver: ToldDriver;
  const standing = () => {
    const { state, reason } = owner.snapshot();
    return { state, reason, takesSends: owner.connectedDriver !== undefined, isHeld: driver.isHeld };
  };
  const DOUBTED = { state: 'interrupted', reason: 'network', takesSends: false, isHeld: true };
  const CONNECTED = { state: 'connected', reason: 'ready', takesSends: true, isHeld: false };
  const becomes = (expected: object) =>
    waitFor(() => owner.snapshot().state === (expected as { state: string }).state, {
      what: 'the state',
      pollMs: 5,
    }).then(() => expect(standing()).toEqual(expected));

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wagate-follower-'));
    const profiles = new ProfilesDirectory(folder);
    const address = { tenantId: newId('tnt'), sessionId: newId('ses'), epoch: 1 };
    const context = {
      profiles,
      // Only what is told to the session makes it look at the page.
      settings: { ...DEFAULT_SETTINGS, probeIntervalMs: 600_000, probeTimeoutMs: 600_000 },
      clock: new SystemClock(),
      log: pino({ level: 'silent' }),
      gate: new LaunchGate(1),
      sink: {
        push: () => undefined,
        whenTaken: () => undefined,
        room: () => Promise.resolve(),
        pending: () => 0,
      },
      driverFactory: (_: unknown, listener: DriverListener) => (driver = new ToldDriver(listener)),
    };
    owner = new SessionOwner(context, profiles.folderOf(address.sessionId), address);
    await owner.start('test');
    await driver.answer('online');
    await becomes(CONNECTED);
  });
  afterEach(async () => {
    await owner.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it.each([
    ['a QR code', () => driver.listener.onQr('a QR')],
    ["the library's word", () => driver.listener.onLoginDoubt()],
  ])('by %s takes and hands over no send from then on, until a look finds it there', async (_, tell) => {
    tell();
    expect(standing()).toEqual(DOUBTED);
    await driver.answer('online');
    await becomes(CONNECTED);
  });

  it('is not believed connected by a look that began before the doubt', async () => {
    driver.listener.onLinkHint();
    await waitFor(() => driver.waiting > 0, { what: 'a probe', pollMs: 5 });
    driver.listener.onQr('a QR');
    await driver.answer('online');
    await waitFor(() => driver.waiting > 0, { what: 'another probe', pollMs: 5 });
    expect(standing()).toEqual(DOUBTED);
    await driver.answer('online');
    await becomes(CONNECTED);
  });

  it('by a look hands over no send either, until another look finds it there', async () => {
    driver.listener.onLinkHint();
    await driver.answer('unlinked');
    await becomes(DOUBTED);
    driver.listener.onLinkHint();
    await driver.answer('online');
    await becomes(CONNECTED);
  });
});
