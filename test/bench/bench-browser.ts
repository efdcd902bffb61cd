import { testBrowserPath } from '../support/test-browser-path.js';

/** As root, Chromium does not start with its sandbox. */
export const NO_SANDBOX = process.getuid?.() === 0 ? ['--no-sandbox'] : [];

/** What wagate starts its browsers with, so that dispatch is compared on the same browser. */
export const WAGATE_FLAGS = [
  '--disable-gpu',
  '--disable-software-rasterizer',
  '--enable-features=NetworkServiceInProcess2',
  '--js-flags=--optimize-for-size',
  '--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup,PreloadTopChromeWebUI,SpareRendererForSitePerProcess',
];

/** The browser that wagate uses too. */
export const browserPath = testBrowserPath();
