import WhatsAppWeb from 'whatsapp-web.js';

/**
 * The library's LocalAuth without its own end: at a logout it would delete the profile under a living browser. The
 * profile is deleted by the session's owner when no process holds it any more.
 */
export class ProfileAuth extends WhatsAppWeb.LocalAuth {
  /** Called by the library as soon as it has browser and page, before it loads WhatsApp Web. */
  override afterBrowserInitialized: () => Promise<void>;
  override logout: () => Promise<void>;

  constructor(options: { clientId: string; dataPath: string }, onBrowser: () => Promise<void>) {
    super(options);
    this.afterBrowserInitialized = onBrowser;
    this.logout = () => Promise.resolve();
  }
}
