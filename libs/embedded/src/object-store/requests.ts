import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Content, ObjectFacts, ObjectFiles } from './object-files.js';
import { S3Error } from './s3-error.js';
import type { UploadFiles } from './upload-files.js';
import { readElements, writeXml, type XmlContent } from './xml.js';

const LONGEST_DOCUMENT_BYTES = 2 * 1024 * 1024;
const LONGEST_PAGE = 1_000;

/** A signed request, taken apart. */
export interface S3Request {
  raw: IncomingMessage;
  answer: ServerResponse;
  bucket: string;
  key: string;
  query: URLSearchParams;
  sha256: string | undefined;
}

export interface Files {
  objects: ObjectFiles;
  uploads: UploadFiles;
}

type Handler = (request: S3Request, files: Files) => Promise<void>;

function answerXml({ answer }: S3Request, root: string, content: XmlContent): void {
  answer.setHeader('content-type', 'application/xml');
  answer.end(writeXml(root, content));
}

function answerEmpty({ answer }: S3Request, status = 200, headers: Record<string, string> = {}): void {
  answer.writeHead(status, headers).end();
}

function contentOf({ raw, sha256 }: S3Request): Content {
  const { 'content-type': contentType = 'application/octet-stream', 'content-md5': md5 } = raw.headers;
  return { stream: raw, contentType, metadata: metadataOf(raw), sha256, md5: readMd5(md5) };
}

function metadataOf({ headers }: IncomingMessage): Record<string, string> {
  const entries = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-'));
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

function readMd5(base64: string | string[] | undefined): string | undefined {
  return typeof base64 === 'string' ? Buffer.from(base64, 'base64').toString('hex') : undefined;
}

async function readDocument({ raw }: S3Request): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of raw as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LONGEST_DOCUMENT_BYTES) throw new S3Error('MalformedXML', 'The document is too long.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** `bytes=a-b`, `bytes=a-` and `bytes=-n`; anything else is no range. Source: RFC 9110, 14.1.2. */
function readRange(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (!first && !last) return undefined;
  const start = first ? Number(first) : Math.max(0, size - Number(last));
  const end = first && last ? Math.min(Number(last), size - 1) : size - 1;
  if (start > end) throw new S3Error('InvalidRange', 'The requested range is not satisfiable');
  return { start, end };
}

function objectHeaders({ md5, contentType, modifiedAt, metadata }: ObjectFacts): Record<string, string> {
  return {
    ...metadata,
    etag: `"${md5}"`,
    'content-type': contentType,
    'last-modified': new Date(modifiedAt).toUTCString(),
    'accept-ranges': 'bytes',
  };
}

const readObject: Handler = async ({ raw, answer, bucket, key }, { objects }) => {
  const facts = await objects.find(bucket, key);
  if (!facts) throw new S3Error('NoSuchKey', 'The specified key does not exist.');
  const range = readRange(raw.headers.range, facts.size);
  const { start, end } = range ?? { start: 0, end: facts.size - 1 };
  const headers = { ...objectHeaders(facts), 'content-length': String(end - start + 1) };
  answer.writeHead(
    range ? 206 : 200,
    range ? { ...headers, 'content-range': `bytes ${start}-${end}/${facts.size}` } : headers,
  );
  if (raw.method === 'HEAD' || end < start) answer.end();
  else await pipeline(objects.read(bucket, key, start, end), answer);
};

const putObject: Handler = async (request, { objects, uploads }) => {
  const { bucket, key, query, raw } = request;
  if ('x-amz-copy-source' in raw.headers) throw new S3Error('NotImplemented', 'Copies are not supported.');
  const uploadId = query.get('uploadId');
  const facts =
    uploadId === null
      ? await objects.put(bucket, key, contentOf(request))
      : await uploads.putPart(
          await uploads.get(bucket, key, uploadId),
          query.get('partNumber') ?? '',
          contentOf(request),
        );
  answerEmpty(request, 200, { etag: `"${facts.md5}"` });
};

const deleteObject: Handler = async (request, { objects, uploads }) => {
  const { bucket, key, query } = request;
  const uploadId = query.get('uploadId');
  if (uploadId === null) await objects.remove(bucket, key);
  else await uploads.abort(await uploads.get(bucket, key, uploadId));
  answerEmpty(request, 204);
};

const postObject: Handler = async (request, { uploads }) => {
  const { bucket, key, query } = request;
  if (query.has('uploads')) {
    const { contentType, metadata } = contentOf(request);
    const { uploadId } = await uploads.begin({ bucket, key, contentType, metadata });
    return answerXml(request, 'InitiateMultipartUploadResult', {
      Bucket: bucket,
      Key: key,
      UploadId: uploadId,
    });
  }
  const upload = await uploads.get(bucket, key, query.get('uploadId') ?? '');
  const parts = readElements(await readDocument(request), 'Part').map((part) => ({
    number: Number(readElements(part, 'PartNumber')[0]),
    md5: (readElements(part, 'ETag')[0] ?? '').replaceAll('"', ''),
  }));
  if (parts.length === 0) throw new S3Error('MalformedXML', 'No part is named.');
  const { md5 } = await uploads.complete(upload, parts);
  const location = `http://${request.raw.headers.host}/${bucket}/${encodeURI(key)}`;
  answerXml(request, 'CompleteMultipartUploadResult', {
    Location: location,
    Bucket: bucket,
    Key: key,
    ETag: `"${md5}"`,
  });
};

const listParts: Handler = async (request, { uploads }) => {
  const { bucket, key, query } = request;
  const upload = await uploads.get(bucket, key, query.get('uploadId') ?? '');
  const parts = (await uploads.listParts(upload)).map(({ number, md5, size, modifiedAt }) => ({
    PartNumber: number,
    ETag: `"${md5}"`,
    Size: size,
    LastModified: new Date(modifiedAt).toISOString(),
  }));
  answerXml(request, 'ListPartsResult', { Bucket: bucket, Key: key, IsTruncated: false, Part: parts });
};

const listUploads: Handler = async (request, { uploads }) => {
  const { bucket, query } = request;
  const rows = (await uploads.list(bucket, query.get('prefix') ?? '')).map(
    ({ key, uploadId, startedAt }) => ({
      Key: key,
      UploadId: uploadId,
      Initiated: new Date(startedAt).toISOString(),
    }),
  );
  answerXml(request, 'ListMultipartUploadsResult', { Bucket: bucket, IsTruncated: false, Upload: rows });
};

/** Keys and common prefixes after a marker, at most a page of both together. */
function pageOf(keys: string[], prefix: string, delimiter: string, after: string, limit: number) {
  const names = new Map<string, { isPrefix: boolean }>();
  for (const key of keys) {
    const cut = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
    const name = cut < 0 ? key : key.slice(0, cut + delimiter.length);
    if (Buffer.compare(Buffer.from(name), Buffer.from(after)) > 0) names.set(name, { isPrefix: cut >= 0 });
  }
  const page = [...names].slice(0, limit);
  return { page, isTruncated: names.size > page.length };
}

const listObjects: Handler = async (request, { objects }) => {
  const { bucket, query } = request;
  const prefix = query.get('prefix') ?? '';
  const token = query.get('continuation-token');
  const after = token === null ? (query.get('start-after') ?? query.get('marker') ?? '') : fromToken(token);
  const limit = Math.min(Number(query.get('max-keys') ?? LONGEST_PAGE), LONGEST_PAGE);
  const keys = await objects.listKeys(bucket, prefix);
  const { page, isTruncated } = pageOf(keys, prefix, query.get('delimiter') ?? '', after, limit);
  const write = query.get('encoding-type') === 'url' ? encodeURIComponent : String;
  const contents: XmlContent[] = [];
  for (const [key, { isPrefix }] of page) {
    const facts = isPrefix ? undefined : await objects.find(bucket, key);
    if (!facts) continue; // a prefix, or deleted since it was listed
    const { size, md5, modifiedAt } = facts;
    contents.push({
      Key: write(key),
      Size: size,
      ETag: `"${md5}"`,
      LastModified: new Date(modifiedAt).toISOString(),
    });
  }
  const last = page.at(-1)?.[0] ?? '';
  answerXml(request, 'ListBucketResult', {
    Name: bucket,
    Prefix: write(prefix),
    KeyCount: page.length,
    MaxKeys: limit,
    IsTruncated: isTruncated,
    ...(isTruncated ? { NextContinuationToken: toToken(last), NextMarker: write(last) } : {}),
    Contents: contents,
    CommonPrefixes: page.filter(([, { isPrefix }]) => isPrefix).map(([name]) => ({ Prefix: write(name) })),
  });
};

const toToken = (key: string) => Buffer.from(key).toString('base64url');
const fromToken = (token: string) => Buffer.from(token, 'base64url').toString();

const postBucket: Handler = async (request, { objects }) => {
  if (!request.query.has('delete')) throw new S3Error('NotImplemented', 'Form uploads are not supported.');
  const keys = readElements(await readDocument(request), 'Key');
  for (const key of keys) await objects.remove(request.bucket, key);
  answerXml(request, 'DeleteResult', { Deleted: keys.map((key) => ({ Key: key })) });
};

const getBucket: Handler = async (request, files) => {
  if (request.query.has('uploads')) return listUploads(request, files);
  if (request.query.has('location')) return answerXml(request, 'LocationConstraint', '');
  return listObjects(request, files);
};

const putBucket: Handler = async (request, { objects }) => {
  await objects.makeBucket(request.bucket);
  answerEmpty(request);
};

const listBuckets: Handler = async (request, { objects }) => {
  const buckets = (await objects.listBuckets()).map((name) => ({ Name: name }));
  answerXml(request, 'ListAllMyBucketsResult', { Buckets: { Bucket: buckets } });
};

const getObject: Handler = async (request, files) =>
  request.query.has('uploadId') ? listParts(request, files) : readObject(request, files);

const BUCKET_HANDLERS: Record<string, Handler> = {
  GET: getBucket,
  HEAD: (request) => Promise.resolve(answerEmpty(request)),
  POST: postBucket,
};
const OBJECT_HANDLERS: Record<string, Handler> = {
  GET: getObject,
  HEAD: readObject,
  PUT: putObject,
  POST: postObject,
  DELETE: deleteObject,
};

/**
 * Answers one request of the part of S3's API that the minio client uses.
 * @throws S3Error to be answered by the caller
 */
export async function handleRequest(request: S3Request, files: Files): Promise<void> {
  const { bucket, key, raw } = request;
  const method = raw.method ?? '';
  if (!bucket) {
    if (method !== 'GET') throw new S3Error('MethodNotAllowed', 'A bucket is needed.');
    return listBuckets(request, files);
  }
  if (!key && method === 'PUT') return putBucket(request, files);
  if (!(await files.objects.hasBucket(bucket)))
    throw new S3Error('NoSuchBucket', 'The bucket does not exist');
  const handler = (key ? OBJECT_HANDLERS : BUCKET_HANDLERS)[method];
  if (!handler) throw new S3Error('MethodNotAllowed', 'This method is not supported here.');
  return handler(request, files);
}
