import { wa, type WaMsg } from '../wa.js';
import { keysAreRenamed } from './message-key.js';
import type { Shim } from './shim.js';

interface DownloadRequest {
  mimetype?: string;
  directPath?: string;
}

/**
 * Current builds take a download without `mimetype` for an octet stream and refuse it; the library names none.
 * Adds the message's own. The page does not show the change itself, so the rename of message keys, which came with
 * the same builds, stands for it. Gone when the library passes `mimetype`.
 */
export const downloadMimeTypeShim: Shim = {
  name: 'download-mime-type',
  when: 'early',
  apply() {
    if (!keysAreRenamed()) return false;
    const { downloadManager } = wa('WAWebDownloadManager');
    const download = downloadManager.downloadAndMaybeDecrypt.bind(downloadManager);
    downloadManager.downloadAndMaybeDecrypt = (request: DownloadRequest) =>
      download({ ...request, mimetype: request.mimetype ?? mimeTypeOf(request.directPath) });
    return true;
  },
};

function mimeTypeOf(directPath: string | undefined): string | undefined {
  const isIt = (msg: WaMsg): boolean => msg.directPath === directPath;
  return wa('WAWebCollections').Msg.getModelsArray().find(isIt)?.mimetype;
}
