import { fileTypeFromBuffer } from 'file-type';

/** As many bytes from the beginning as `file-type` looks at. */
export const HEAD_BYTES = 4_100;
export const UNKNOWN_TYPE = 'application/octet-stream';

/** Formats without a signature of their own that are believed when they are declared and nothing contradicts. */
const PLAIN_TYPES: ReadonlySet<string> = new Set([
  'text/plain',
  'text/csv',
  'text/calendar',
  'text/vcard',
  'application/json',
  'audio/amr',
]);
/** Office formats are zip or OLE containers; which one it is, only the declared type or the name tells. */
const CONTAINERS: Record<string, RegExp> = {
  'application/zip':
    /^application\/(vnd\.openxmlformats-officedocument\.[\w.-]+|vnd\.oasis\.opendocument\.[\w.-]+|epub\+zip)$/,
  'application/x-cfb': /^application\/(msword|vnd\.ms-(excel|powerpoint|outlook))$/,
};
const TYPE_OF_EXTENSION: Record<string, string> = {
  txt: 'text/plain',
  csv: 'text/csv',
  ics: 'text/calendar',
  vcf: 'text/vcard',
  json: 'application/json',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  pptx: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  doc: 'application/msword',
  xls: 'application/vnd.ms-excel',
  ppt: 'application/vnd.ms-powerpoint',
};

export interface TypeHints {
  declared: string | null;
  filename: string | null;
}

/**
 * The media type of a file from its first bytes; what is declared, or said by the name, is only a hint. Text that a
 * browser would run (HTML, SVG, XML, scripts) has no signature to tell it by and is never believed.
 */
export async function detectMimeType(head: Buffer, hints: TypeHints): Promise<string> {
  const found = (await fileTypeFromBuffer(head))?.mime;
  const hint = plainType(hints.declared) ?? plainType(typeOfName(hints.filename));
  const named = plainType(typeOfName(hints.filename));
  if (found === 'application/xml') return UNKNOWN_TYPE;
  if (found) {
    const inside = CONTAINERS[found];
    return [hint, named].find((type) => type && inside?.test(type)) ?? found;
  }
  const believed = [hint, named].find((type) => type && PLAIN_TYPES.has(type));
  return believed && !looksLikeMarkup(head) && (!believed.startsWith('text/') || isText(head))
    ? believed
    : UNKNOWN_TYPE;
}

/** The type that bytes of any origin are answered with: nothing that a browser would run. */
export function servedType(mimeType: string): string {
  const plain = plainType(mimeType);
  if (!plain) return UNKNOWN_TYPE;
  if (/^(image\/(jpeg|png|gif|webp|bmp|tiff|heic)|audio\/[\w.+-]+|video\/[\w.+-]+)$/.test(plain))
    return plain;
  const isDocument = PLAIN_TYPES.has(plain) || Object.values(TYPE_OF_EXTENSION).includes(plain);
  return isDocument || plain === 'application/pdf' || plain === 'application/zip' ? plain : UNKNOWN_TYPE;
}

function plainType(type: string | null | undefined): string | undefined {
  const plain = type?.split(';')[0]?.trim().toLowerCase();
  return plain && /^[\w.+-]+\/[\w.+-]+$/.test(plain) ? plain : undefined;
}

function typeOfName(filename: string | null): string | undefined {
  const extension = /\.([a-z0-9]{1,5})$/i.exec(filename ?? '')?.[1]?.toLowerCase();
  return extension ? TYPE_OF_EXTENSION[extension] : undefined;
}

function looksLikeMarkup(head: Buffer): boolean {
  return /^\s*<(!doctype|\?xml|html|svg|script|head|body|!--)/i.test(
    head.toString('latin1').replace(/^\u00ef\u00bb\u00bf/, ''),
  );
}

function isText(head: Buffer): boolean {
  return !head.includes(0);
}
