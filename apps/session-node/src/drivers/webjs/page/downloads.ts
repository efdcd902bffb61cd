import type { RawDownload } from './agent-api.js';
import { findByWaKey } from './messages.js';
import { errorNamesShim } from './shims/error-names.js';
import { beginFetch, endFetch, hexOf } from './transfers.js';
import { wa, type WaMsg } from './wa.js';

/** A stand-in for WhatsApp's own performance log, which the download manager wants to write to. */
const SILENT_LOG = {
  addAnnotations: () => SILENT_LOG,
  addPoint: () => SILENT_LOG,
};

/** Bytes of a message's media as WhatsApp tells them; null when it does not. */
export async function mediaSize(waKey: string): Promise<number | null> {
  return (await findByWaKey(waKey))?.size ?? null;
}

/** Fetches a message's media into a transfer that the driver then reads in chunks. */
export async function download(transferId: string, waKey: string, maxBytes: number): Promise<RawDownload> {
  const signal = beginFetch(transferId);
  const msg = await findByWaKey(waKey);
  if (!msg) return { outcome: 'gone', reason: 'WhatsApp Web no longer has the message' };
  if (!msg.mediaData || !msg.directPath) return { outcome: 'gone', reason: 'the message has no media' };
  if ((msg.size ?? 0) > maxBytes) return { outcome: 'failed', retry: false, reason: 'too_large' };
  try {
    const blob = new Blob([await fetchBytes(msg, signal)]);
    if (blob.size > maxBytes) return { outcome: 'failed', retry: false, reason: 'too_large' };
    endFetch(transferId, blob);
    const sha256 = hexOf(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()));
    return {
      outcome: 'ready',
      size: blob.size,
      sha256,
      filehash: msg.filehash ?? null,
      mimeType: msg.mimetype ?? 'application/octet-stream',
      filename: msg.filename ?? null,
    };
  } catch (error) {
    const reason = errorNamesShim.describe(error, 'the download');
    if ([404, 410].includes((error as { status?: number }).status ?? 0)) return { outcome: 'gone', reason };
    return { outcome: 'failed', retry: true, reason: 'download_failed' };
  }
}

function fetchBytes(msg: WaMsg, signal: AbortSignal): Promise<ArrayBuffer> {
  return wa('WAWebDownloadManager').downloadManager.downloadAndMaybeDecrypt({
    directPath: msg.directPath,
    encFilehash: msg.encFilehash,
    filehash: msg.filehash,
    mediaKey: msg.mediaKey,
    mediaKeyTimestamp: msg.mediaKeyTimestamp,
    type: msg.type,
    mimetype: msg.mimetype,
    signal,
    downloadQpl: SILENT_LOG,
  });
}
