import type { NodeRequest, NodeResponse, SendOutcome } from '#contracts';
import { AppError, withDeadline, type Clock } from '#kernel';
import type { MediaStore } from '#media-store';
import {
  Driver,
  type DownloadOrder,
  type DriverFactory,
  type DriverListener,
  type DriverOptions,
  type ProbeReport,
  type SendOrder,
} from '../driver.js';
import { routeArgs } from './browser-route.js';
import { foundOf } from './converters/index.js';
import { GuardedClient } from './guarded-client.js';
import { browserArgs, browserEnvironment } from './launch-options.js';
import { isLoggedOutAddress, reportOf } from './link-state.js';
import { MediaCourier } from './media-courier.js';
import { PageAgent } from './page-agent.js';
import { ProfileAuth } from './profile-auth.js';
import { SendDesk } from './send-desk.js';
import type { TransferGate } from './transfer-gate.js';
import { WebjsInbox } from './webjs-inbox.js';

export interface WebjsSettings {
  chromePath: string;
  noSandbox: boolean;
  userAgent: string;
  pageScript: string;
  simulatorUrl: string | undefined;
  mediaMaxBytes: number;
  mediaStore: MediaStore;
  transferGate: TransferGate;
  clock: Clock;
}

const LAUNCH_TIMEOUT_MS = 60_000;
/** Ours are shorter; this only keeps abandoned calls from piling up. */
const PROTOCOL_TIMEOUT_MS = 1_800_000;
const PAIRING_TIMEOUT_MS = 30_000;
const UNLINK_TIMEOUT_MS = 10_000;
const NUMBERS_TIMEOUT_MS = 60_000;
const UNPAIRED_IDLE_REFRESH_MS = 20_000;

/** Runs a session with whatsapp-web.js in Chromium. */
export class WebjsDriver extends Driver {
  readonly inbox: WebjsInbox;
  private client: GuardedClient | undefined;
  private readonly desk: SendDesk;
  private readonly courier: MediaCourier;
  private wasOnline = false;
  private gone = false;
  private lost = false;
  private isHeld = false;
  private isWatched = false;
  private lastQrMs = 0;

  constructor(
    private readonly settings: WebjsSettings,
    private readonly options: DriverOptions,
    private readonly listener: DriverListener,
  ) {
    super();
    const { mediaStore, transferGate, mediaMaxBytes, clock } = settings;
    this.courier = new MediaCourier(mediaStore, transferGate, mediaMaxBytes);
    this.desk = new SendDesk(
      () => this.agent,
      this.courier,
      () => this.gone,
      () => this.lost,
      () => this.isHeld,
    );
    this.inbox = new WebjsInbox(() => this.agent, clock);
  }

  async start(): Promise<void> {
    const route = await routeArgs(this.options.mode, this.settings.simulatorUrl);
    if (this.gone) return;
    this.client = this.createClient(route);
    await this.client.initialize();
  }

  async probe(): Promise<ProbeReport> {
    const raw = await this.agent.call('probe', []);
    const report = reportOf(raw, this.wasOnline);
    this.wasOnline ||= report.link === 'online';
    if (raw.socketState === 'UNPAIRED_IDLE') await this.refreshQr();
    return report;
  }

  async requestPairingCode(phone: string): Promise<string> {
    return this.agent.call('requestPairingCode', [phone], PAIRING_TIMEOUT_MS);
  }

  send(order: SendOrder): Promise<SendOutcome> {
    return this.desk.send(order);
  }

  holdSends(isHeld: boolean): void {
    this.isHeld = isHeld;
  }

  async lookup(
    messages: NodeRequest<'message.lookup'>['messages'],
  ): Promise<NodeResponse<'message.lookup'>['found']> {
    const wanted = messages.map(({ waMessageId, chatId }) => ({ waMessageId, chatId }));
    const found = await this.agent.call('lookup', [wanted]);
    return found.flatMap(foundOf);
  }

  downloadMedia(order: DownloadOrder): Promise<NodeResponse<'media.download'>> {
    return this.courier.fetch(this.agent, order);
  }

  checkNumbers(phones: string[]): Promise<NodeResponse<'number.check'>['results']> {
    return this.agent.call('checkNumbers', [phones], NUMBERS_TIMEOUT_MS);
  }

  async unlink(): Promise<void> {
    this.client?.expectClosing();
    await this.agent.call('logout', [], UNLINK_TIMEOUT_MS);
  }

  async close(graceMs: number): Promise<void> {
    this.gone = true;
    this.client?.expectClosing();
    const browser = this.client?.browser;
    if (!browser) return;
    try {
      if (graceMs > 0 && browser.connected)
        await withDeadline(browser.close(), graceMs, 'closing the browser');
    } catch {
      // Whoever closes a browser kills what is left of it.
    }
    browser.process()?.kill('SIGKILL');
  }

  override async collectGarbage(): Promise<void> {
    const session = await this.client?.page?.createCDPSession();
    if (!session) return;
    await session.send('HeapProfiler.collectGarbage');
    await session.detach();
  }

  private get agent(): PageAgent {
    const page = this.client?.page;
    if (!page || this.gone)
      throw new AppError('service_unavailable', 'the browser is gone', { outcome: 'unknown' });
    return new PageAgent(page);
  }

  private createClient(route: string[]): GuardedClient {
    const { chromePath, noSandbox, userAgent, pageScript } = this.settings;
    const { sessionId, directory } = this.options;
    const auth = new ProfileAuth({ clientId: sessionId, dataPath: directory }, () => this.watchBrowser());
    const client = new GuardedClient(
      {
        authStrategy: auth,
        userAgent,
        webVersionCache: { type: 'none' },
        authTimeoutMs: LAUNCH_TIMEOUT_MS,
        puppeteer: {
          executablePath: chromePath,
          headless: chromePath.includes('headless-shell') ? 'shell' : true,
          pipe: true,
          args: [...browserArgs(noSandbox), ...route],
          env: browserEnvironment(directory),
          timeout: LAUNCH_TIMEOUT_MS,
          protocolTimeout: PROTOCOL_TIMEOUT_MS,
          handleSIGINT: false,
          handleSIGTERM: false,
          handleSIGHUP: false,
          defaultViewport: null,
        },
      },
      {
        script: pageScript,
        onAttached: () => {
          this.listener.onReloaded();
          this.listener.onLinkHint();
        },
        onFault: (error) => this.lose('fault', error),
      },
    );
    client.on('qr', (qr) => {
      this.lastQrMs = this.settings.clock.monotonicMs();
      this.listener.onQr(qr);
    });
    client.on('authenticated', () => this.listener.onLinkHint());
    client.on('ready', () => this.listener.onLinkHint());
    client.on('disconnected', () => this.listener.onLoginDoubt());
    return client;
  }

  /**
   * Listens to the browser's own end, and to the page's way out of a login, before the page loads: the library never
   * does. Its own word for a logout comes at any frame's next navigation, and not while the page loads.
   */
  private async watchBrowser(): Promise<void> {
    const { page, browser } = this.client ?? {};
    // The library comes here again when the phone removes the login.
    if (!page || !browser || this.isWatched) return;
    this.isWatched = true;
    page.on('error', (error) => this.lose('page_crashed', error));
    page.on('close', () => this.lose('page_crashed'));
    browser.on('disconnected', () => this.lose('browser_gone'));
    page.on('framenavigated', (frame) => {
      if (frame === page.mainFrame() && isLoggedOutAddress(frame.url())) this.listener.onUnlinked();
    });
    await page.exposeFunction('wagateSignal', () => this.listener.onActivity());
  }

  private lose(cause: Parameters<DriverListener['onGone']>[0], error?: unknown): void {
    if (this.gone) return;
    this.gone = true;
    this.lost = true;
    this.client?.expectClosing();
    this.listener.onGone(cause, error);
  }

  /** A page left alone stops making QR codes. */
  private async refreshQr(): Promise<void> {
    if (this.settings.clock.monotonicMs() - this.lastQrMs < UNPAIRED_IDLE_REFRESH_MS) return;
    this.lastQrMs = this.settings.clock.monotonicMs();
    await this.agent.call('refreshQr', []);
  }
}

/** Makes drivers with these settings. */
export function webjsDrivers(settings: WebjsSettings): DriverFactory {
  return (options, listener) => new WebjsDriver(settings, options, listener);
}
