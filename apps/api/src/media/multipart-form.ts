import multipart, { type MultipartFile } from '@fastify/multipart';
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { AppError, isAppError } from '#kernel';
import type { ApiRequest } from '../http/index.js';

const MOST_FIELDS = 20;
const LONGEST_FIELD_BYTES = 70_000;

/** Lets Fastify read `multipart/form-data`, part by part. */
export async function registerMultipart(fastify: FastifyInstance): Promise<void> {
  await fastify.register(multipart);
}

export interface FormFile {
  stream: MultipartFile['file'];
  filename: string | null;
  mimeType: string | null;
}

export interface Form<Fields, File> {
  fields: Fields;
  file: File;
}

/**
 * Reads a form with exactly one file. The file is handed on while it arrives, with the fields that came before it.
 * @param take consumes the file; what it made is undone by `undo` when the rest of the form is not valid
 * @throws AppError `unsupported_media_type` (no form), `invalid_multipart` (broken, or no file), `invalid_request`
 */
export async function readForm<Fields, File>(
  request: ApiRequest,
  schema: z.ZodType<Fields>,
  take: (file: FormFile, early: Record<string, string>) => Promise<File>,
  undo: (file: File) => Promise<void>,
): Promise<Form<Fields, File>> {
  if (!request.isMultipart()) {
    throw new AppError('unsupported_media_type', 'send multipart/form-data with a file');
  }
  const raw: Record<string, string> = {};
  const taken: File[] = [];
  try {
    await readParts(request, raw, async (file) => {
      if (taken.length > 0) throw invalid('holds more than one file');
      taken.push(await take(file, raw));
    });
    const [file] = taken;
    if (file === undefined) throw invalid('holds no file; name the part "file"');
    return { fields: schema.parse(raw), file };
  } catch (error) {
    for (const file of taken) await undo(file);
    throw error;
  }
}

/** Bytes of the whole form, an upper bound of its file; null when the client does not say. */
export function announcedBytes({ headers }: ApiRequest): number | null {
  const bytes = Number(headers['content-length']);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : null;
}

async function readParts(
  request: ApiRequest,
  raw: Record<string, string>,
  onFile: (file: FormFile) => Promise<void>,
): Promise<void> {
  const limits = { fields: MOST_FIELDS, fieldSize: LONGEST_FIELD_BYTES, files: 2, fileSize: Infinity };
  try {
    for await (const part of request.parts({ limits })) {
      if (part.type === 'file') {
        if (part.fieldname !== 'file') throw invalid('must have its file in the part "file"');
        await onFile({
          stream: part.file,
          filename: plainName(part.filename),
          mimeType: part.mimetype || null,
        });
      } else if (typeof part.value !== 'string' || part.valueTruncated) {
        throw invalid(`has a field "${part.fieldname.slice(0, 50)}" that is too long`);
      } else if (Object.hasOwn(raw, part.fieldname)) {
        throw invalid(`has the field "${part.fieldname.slice(0, 50)}" twice`);
      } else raw[part.fieldname] = part.value;
    }
  } catch (error) {
    throw isOurs(error) ? error : invalid('is broken or ended early', error);
  }
}

/** Browsers escape three characters of a name (html.spec.whatwg.org, "multipart/form-data encoding algorithm"). */
function plainName(filename: string | undefined): string | null {
  return filename ? filename.replace(/%22/g, '"').replace(/%0[AD]/gi, ' ') : null;
}

/** What the file's way into the store threw stays what it is; what the parser or the connection threw is the form's. */
function isOurs(error: unknown): boolean {
  return isAppError(error);
}

function invalid(what: string, cause?: unknown): AppError {
  return new AppError('invalid_multipart', `the form ${what}`, { cause, outcome: 'not_sent' });
}
