import { wa } from './wa.js';

/** A preview is an ornament: longer than this no message waits for one. */
const PREVIEW_TIMEOUT_MS = 5_000;

/**
 * What WhatsApp Web shows of the first link in a text, as the fields of the message that carry it. Undefined without
 * a link, and when the preview fails or is slow: the message then goes without.
 */
export async function findPreview(text: string): Promise<object | undefined> {
  try {
    const link = wa('WALinkify').findLink(text);
    if (!link) return undefined;
    const preview = wa('WAWebLinkPreviewChatAction').getLinkPreview(link);
    const found = await Promise.race([preview, timeOut()]);
    return found?.data ? { ...found.data, preview: true, subtype: 'url' } : undefined;
  } catch {
    // Whatever went wrong, it concerns the preview and not the message.
    return undefined;
  }
}

function timeOut(): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), PREVIEW_TIMEOUT_MS));
}
