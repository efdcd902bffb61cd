import { pino, type Bindings, type ChildLoggerOptions, type Logger } from 'pino';
import { logFields, maskText } from './log-fields.js';
import { writeToStdout } from './stdout-lines.js';

export type { Logger } from 'pino';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

export interface LoggerOptions {
  /** `pretty` for people; JSON lines unless told by LOG_FORMAT or by a terminal on stdout. */
  format?: 'json' | 'pretty';
  /** Receives each finished line; stdout unless told. */
  write?: (line: string) => void;
}

interface LogLine {
  time: string;
  level: string;
  name: string;
  msg?: string;
  err?: { type: string; message: string; stack?: string[] };
  [field: string]: unknown;
}

function formatOf(options: LoggerOptions): 'json' | 'pretty' {
  if (options.format) return options.format;
  const { LOG_FORMAT } = process.env;
  if (LOG_FORMAT === 'json' || LOG_FORMAT === 'pretty') return LOG_FORMAT;
  return process.stdout.isTTY ? 'pretty' : 'json';
}

function prettyLine(json: string): string {
  const { time, level, name, msg = '', err, ...fields } = JSON.parse(json) as LogLine;
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${String(value)}`);
  const head = [time.slice(11, 23), level.toUpperCase().padEnd(5), name, msg, ...pairs].join(' ');
  if (!err) return `${head}\n`;
  const { type, message, stack = [] } = err;
  return `${head}\n  ${type}: ${message}\n${stack.map((frame) => `    ${frame}\n`).join('')}`;
}

/** pino's formatters do not see what children are bound to. */
function guardChildren(logger: Logger): Logger {
  const bind = logger.child.bind(logger);
  const child = (bindings: Bindings, options?: ChildLoggerOptions) =>
    guardChildren(bind(logFields(bindings), options));
  return Object.assign(logger, { child });
}

let isoSecond = '';
let isoSecondAt = -1;

/** `Date.prototype.toISOString`, which is slow for one call a line: the second is spelled once. */
function isoTime(atMs: number): string {
  const second = Math.floor(atMs / 1000);
  if (second !== isoSecondAt) {
    isoSecondAt = second;
    isoSecond = new Date(second * 1000).toISOString().slice(0, 20);
  }
  return `${isoSecond}${String(atMs - second * 1000).padStart(3, '0')}Z`;
}

/**
 * A process' logger: one JSON object a line on stdout, or short lines for people. Fields pass the allow-list of
 * `logFields`, messages are masked. Bind ids once: `logger.child({ sessionId })`.
 * @param name of the process, or of the part of it
 */
export function createLogger(name: string, level: LogLevel = 'info', options: LoggerOptions = {}): Logger {
  const write = options.write ?? writeToStdout;
  const isPretty = formatOf(options) === 'pretty';
  const logger = pino(
    {
      name,
      level,
      base: { name },
      timestamp: () => `,"time":"${isoTime(Date.now())}"`,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => logFields(fields),
      },
      // Done by logFields, which sees all fields.
      serializers: { err: (error: unknown) => error, error: (error: unknown) => error },
      hooks: {
        logMethod(args, method) {
          const masked = args.map((arg: unknown) => (typeof arg === 'string' ? maskText(arg) : arg));
          return method.apply(this, masked as Parameters<typeof method>);
        },
      },
    },
    { write: (line: string) => write(isPretty ? prettyLine(line) : line) },
  );
  return guardChildren(logger);
}
