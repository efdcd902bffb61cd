import { toBuffer, toDataURL, toString } from 'qrcode';
import type { Qr } from './session-linking.js';
import type { QrFormat, QrView } from './sessions.dto.js';

const OPTIONS = { errorCorrectionLevel: 'M', margin: 4 } as const;
const IMAGE = { ...OPTIONS, width: 320 };
/** `small` is known to the package, not to its types. */
const TERMINAL = { ...OPTIONS, type: 'terminal', small: true } as const;

export async function qrView(qr: Qr): Promise<QrView> {
  return { ...qr, dataUrl: await toDataURL(qr.qr, IMAGE) };
}

/** A QR code as something to look at, with its content type. */
export async function qrImage(
  qr: Qr,
  format: Exclude<QrFormat, 'json'>,
): Promise<{ type: string; body: Buffer | string }> {
  switch (format) {
    case 'png':
      return { type: 'image/png', body: await toBuffer(qr.qr, IMAGE) };
    case 'svg':
      return { type: 'image/svg+xml', body: await toString(qr.qr, { ...IMAGE, type: 'svg' }) };
    case 'terminal':
      // Half blocks, two rows of modules in a line, with both colours set: readable in dark and light terminals.
      return { type: 'text/plain; charset=utf-8', body: await toString(qr.qr, TERMINAL) };
  }
}
