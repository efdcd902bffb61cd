import { isIP } from 'node:net';

/** Words and names of our own, which say nothing about a person. */
const PLAIN_FIELDS = new Set([
  'action',
  'build',
  'channel',
  'code',
  'command',
  'component',
  'context',
  'direction',
  'event',
  'from',
  'host',
  'kind',
  'level',
  'method',
  'name',
  'node',
  'nodeName',
  'outcome',
  'phase',
  'profile',
  'reason',
  'role',
  'route',
  'shim',
  'signal',
  'state',
  'status',
  'to',
  'type',
  'version',
  'what',
]);
const PLAIN_WORD = /^[a-z/][a-z0-9_.:/-]{0,63}$/i;
const OUR_ID = /^[a-z]{2,4}_[A-Za-z0-9]{1,64}$/;
const REQUEST_ID = /^[A-Za-z0-9_.-]{1,128}$/;
const LONGEST_TEXT = 500;
/** Numbers, urls and keys: most messages have none of them. */
const MAY_HIDE_SOMETHING = /\d|:\/\/|wg_/;

/** Free text of ours, without what may have slipped into it: long numbers, queries of urls, our keys. */
export function maskText(text: string): string {
  if (text.length <= LONGEST_TEXT && !MAY_HIDE_SOMETHING.test(text)) return text;
  const masked = text
    .replace(/(\w+:\/\/[^\s?#]*)[?#][^\s"')]*/g, '$1?…')
    .replace(/(\w+:\/\/)[^\s/@]+@/g, '$1…@')
    .replace(/\bwg_(live|test)_\w+/g, 'wg_$1_…')
    .replace(/\d(?:[\s().-]?\d){6,}/g, '#');
  return masked.length > LONGEST_TEXT ? `${masked.slice(0, LONGEST_TEXT)}…` : masked;
}

function logError(error: Error): Record<string, unknown> {
  const { code } = error as { code?: unknown };
  const frames = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
  return {
    type: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    message: maskText(error.message),
    stack: frames.slice(0, 12).map((line) => line.trim()),
    ...(error.cause instanceof Error ? { cause: logError(error.cause) } : {}),
  };
}

function logString(name: string, value: string): string {
  if (OUR_ID.test(value)) return value;
  if (name === 'requestId' && REQUEST_ID.test(value)) return value;
  if (name === 'host' && isIP(value) !== 0) return value;
  if (PLAIN_FIELDS.has(name) && PLAIN_WORD.test(value)) return value;
  return `[${value.length} characters]`;
}

function logValue(name: string, value: unknown): unknown {
  if (value instanceof Error) return logError(value);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined)
    return value;
  if (typeof value === 'string') return logString(name, value);
  if (Array.isArray(value)) return `[${value.length} items]`;
  return `[${typeof value}]`;
}

/**
 * What of a log line's fields may be written: numbers, ids of ours, words of ours under known names, errors with
 * masked messages. Of all else only the size is: bodies, headers, urls, phone numbers and names never are, whatever
 * a caller passes.
 */
export function logFields(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, logValue(name, value)]));
}
