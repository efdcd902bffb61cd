import { utils } from './wa.js';

/** Bytes on their way between the driver and the page, by transfer id; in chunks, so that neither holds it twice. */
const transfers = new Map<string, Blob[]>();

export function addChunk(transferId: string, base64: string): void {
  const parts = transfers.get(transferId) ?? [];
  parts.push(new Blob([fromBase64(base64)]));
  transfers.set(transferId, parts);
}

/** Downloads under way: what ends each. */
const fetches = new Map<string, AbortController>();

/** Announces that a transfer is being fetched; dropping it ends the fetch. */
export function beginFetch(transferId: string): AbortSignal {
  const controller = new AbortController();
  fetches.set(transferId, controller);
  return controller.signal;
}

/** Keeps what was fetched. @throws Error when the transfer was dropped meanwhile: nobody would read it */
export function endFetch(transferId: string, blob: Blob): void {
  if (!fetches.delete(transferId)) throw new Error('the transfer was dropped');
  transfers.set(transferId, [blob]);
}

export function dropTransfer(transferId: string): void {
  transfers.delete(transferId);
  fetches.get(transferId)?.abort();
  fetches.delete(transferId);
}

export async function readChunk(transferId: string, offset: number, length: number): Promise<string> {
  const [blob] = transfers.get(transferId) ?? [];
  if (!blob) throw new Error('no such transfer');
  return toBase64(new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()));
}

/** Lets the library's helpers take a file from a transfer instead of one long base64 text. */
export function attachTransfers(): void {
  const helpers = utils();
  const original = helpers.mediaInfoToFile;
  helpers.mediaInfoToFile = (media) => {
    if (media.wagateTransfer === undefined) return original(media);
    const parts = transfers.get(media.wagateTransfer);
    if (!parts) throw new Error('no such transfer');
    return new File(parts, media.filename ?? 'file', { type: media.mimetype, lastModified: Date.now() });
  };
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

const CHAR_BLOCK = 32_768;

function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let at = 0; at < bytes.length; at += CHAR_BLOCK) {
    binary += String.fromCharCode(...bytes.subarray(at, at + CHAR_BLOCK));
  }
  return btoa(binary);
}

export function hexOf(bytes: ArrayBuffer): string {
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
