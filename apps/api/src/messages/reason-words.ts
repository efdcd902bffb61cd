const WORDS: ReadonlyMap<string, string> = new Map([
  // Of attempts that certainly did not leave.
  ['media_unavailable', 'its file could not be read from the store, or not be taken up by WhatsApp Web'],
  ['rejected', 'WhatsApp Web did not take it'],
  ['session_not_connected', 'the session was not connected'],
  ['page_gone', 'the page of WhatsApp Web was not there'],
  ['page_crashed', 'the page of WhatsApp Web died while the message was being prepared'],
  ['busy', 'the session had too much to do'],
  ['transfer_busy', 'the turn of its large file did not come, as other files were under way'],
  ['never_started', 'its node never began with it'],
  // Of attempts that may have left.
  ['process_gone', 'the process that handed it over ended before it knew what became of it'],
  ['node_unavailable', 'the node of its session did not answer in time'],
  ['service_unavailable', 'the browser of its session was gone'],
  ['internal', 'something unforeseen went wrong here'],
  // Of files.
  ['gone', 'WhatsApp no longer has it'],
  ['hash_mismatch', 'its bytes were not those that WhatsApp announced'],
  ['too_large', 'it is larger than its kind may be'],
  ['download_failed', 'it could not be fetched'],
  ['store_unavailable', 'the object store did not answer'],
  ['session_deleted', 'its session was deleted'],
  ['session_logged_out', 'its session was logged out'],
]);

/** How far a send was when the page failed, as the node words it. */
const FAILED_SEND = /^the send \(([a-z-]+)\) failed with (.+)$/s;
const WHEN: ReadonlyMap<string, string> = new Map([
  ['resolving', 'while it looked for the chat'],
  ['resolved-chat', 'while it prepared the message'],
  ['id-taken', 'right before the hand-over'],
  ['handed', 'after the hand-over had begun'],
]);

/**
 * The reason of an attempt, or the error of a file, as the end of a sentence: words with the code in brackets. What is
 * said in words already stays as it is.
 */
export function inWords(reason: string): string {
  const words = WORDS.get(reason);
  if (words !== undefined) return `${words} (${reason})`;
  const [, phase = '', error] = FAILED_SEND.exec(reason) ?? [];
  const when = WHEN.get(phase);
  return when === undefined || error === undefined ? reason : `WhatsApp Web failed ${when} (${error})`;
}
