import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ObjectFiles } from './object-files.js';
import { handleRequest, type Files } from './requests.js';
import { S3Error } from './s3-error.js';
import { decodePart, verifySignature, type Keys } from './signature.js';
import { UploadFiles } from './upload-files.js';
import { writeXml } from './xml.js';

export interface ObjectStoreOptions extends Keys {
  /** Where buckets and objects live; made when missing, reused when there. */
  dataDir: string;
  /** 0 or left out: any free port. */
  port?: number;
  /** Made when missing. */
  buckets: readonly string[];
  /** Receives each failure that is ours, not the client's. */
  log?: (error: unknown) => void;
}

export interface RunningObjectStore {
  /** `http://127.0.0.1:<port>` */
  endpoint: string;
  port: number;
  /** Ends the server, open requests included; the data stays. */
  stop(): Promise<void>;
}

/** Answered to everybody, as by MinIO: whoever waits for the server has no keys. */
const HEALTH_PATH = '/minio/health/live';

function answerError(request: IncomingMessage, answer: ServerResponse, error: S3Error): void {
  if (answer.headersSent) {
    answer.destroy();
    return;
  }
  answer.writeHead(error.status, { 'content-type': 'application/xml', connection: 'close' });
  const body =
    request.method === 'HEAD' ? undefined : writeXml('Error', { Code: error.code, Message: error.message });
  answer.end(body);
}

async function answerRequest(
  raw: IncomingMessage,
  answer: ServerResponse,
  files: Files,
  keys: Keys,
): Promise<void> {
  // Taken apart by hand: URL would resolve `..` in a key before it could be refused.
  const [path = '', search = ''] = (raw.url ?? '').split('?');
  if (path === HEALTH_PATH) return void answer.end();
  const query = new URLSearchParams(search);
  const sha256 = verifySignature(raw, query, keys);
  const [bucket = '', ...parts] = path.slice(1).split('/').map(decodePart);
  await handleRequest({ raw, answer, bucket, key: parts.join('/'), query, sha256 }, files);
}

function serve(files: Files, keys: Keys, log?: (error: unknown) => void): Server {
  return createServer((raw, answer) => {
    answerRequest(raw, answer, files, keys).catch((error: unknown) => {
      if (raw.destroyed && !raw.complete) return; // the client went away in the middle of its body
      if (!(error instanceof S3Error)) log?.(error);
      answerError(
        raw,
        answer,
        error instanceof S3Error ? error : new S3Error('InternalError', 'Internal error'),
      );
    });
  });
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

/**
 * Starts an S3 server of our own on 127.0.0.1, for development and tests: the requests that the minio client makes,
 * path-style addresses, Signature Version 4 checked on every request, objects streamed to and from files, nothing
 * lost by a kill. The S3 servers on npm that were tried let unsigned requests pass, show half uploads as objects, or
 * cannot page a listing on a current OpenSSL.
 */
export async function startObjectStore(options: ObjectStoreOptions): Promise<RunningObjectStore> {
  const { dataDir, port = 0, accessKey, secretKey, buckets, log } = options;
  const objects = new ObjectFiles(dataDir);
  await objects.open();
  for (const bucket of buckets) await objects.makeBucket(bucket);
  const server = serve(
    { objects, uploads: new UploadFiles(dataDir, objects) },
    { accessKey, secretKey },
    log,
  );
  const boundPort = await listen(server, port);
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { endpoint: `http://127.0.0.1:${boundPort}`, port: boundPort, stop };
}
