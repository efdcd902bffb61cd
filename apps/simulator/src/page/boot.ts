import type { PageBoot } from '../wire.js';

/** What the served document carries for this script. */
export const boot = JSON.parse(document.getElementById('boot')?.textContent ?? '') as PageBoot;

/** True for the build that behaves as WhatsApp Web was reported to behave in September 2026. */
export const is2026 = boot.profile === '2026-09';

export const VERSION = is2026 ? '2.3000.1041820917' : '2.3000.1023204200';
