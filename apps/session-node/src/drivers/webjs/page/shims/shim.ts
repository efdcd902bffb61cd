/**
 * One small repair of what WhatsApp Web changed and whatsapp-web.js 1.34.7 does not know. A shim looks at the page
 * itself whether its change is there, and stands down when it is not; so a build that never had the change, and a
 * library that knows it, are left alone.
 */
export interface Shim {
  readonly name: string;
  /** Early shims need only the page's modules, late ones the library's helpers in the page. */
  readonly when: 'early' | 'late';
  /** True when the change is there; the page is healed then. Called once per document. */
  apply(): boolean;
}
