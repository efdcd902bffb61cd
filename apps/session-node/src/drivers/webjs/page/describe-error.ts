/**
 * What went wrong, in words that hold no phone number and no text of a message. Builds since September 2026 throw one-letter classes
 * without a message (`t: t`); then the status, if any, and the place say more.
 */
export function describeError(error: unknown, place: string): string {
  const { name, message, status } = Object(error) as { name?: unknown; message?: unknown; status?: unknown };
  const text = typeof error === 'string' ? error : typeof message === 'string' ? message : '';
  const kind = typeof name === 'string' && name.length > 1 ? name : 'error';
  const code = typeof status === 'number' ? ` (status ${status})` : '';
  const detail = text.length > 1 ? `: ${text.slice(0, 160).replace(/\d{5,}/g, '#')}` : '';
  return `${place} failed with ${kind}${code}${detail}`;
}

/** True for an error as such a build throws it. */
export function isNameless(error: unknown): boolean {
  const { name, message } = Object(error) as { name?: unknown; message?: unknown };
  return typeof name === 'string' && name.length === 1 && (message === '' || message === undefined);
}
