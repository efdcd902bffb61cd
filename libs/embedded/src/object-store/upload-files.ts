import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { orIfMissing, readFacts, type Content, type ObjectFacts, type ObjectFiles } from './object-files.js';
import { S3Error } from './s3-error.js';

const UPLOAD_ID = /^[0-9a-f]{32}$/;
const PART_NUMBER = /^[1-9]\d{0,4}$/;

export interface Upload {
  uploadId: string;
  bucket: string;
  key: string;
  contentType: string;
  metadata: Record<string, string>;
  /** Milliseconds since 1970. */
  startedAt: number;
}

export interface Part extends ObjectFacts {
  number: number;
}

/** Multipart uploads that are under way: a folder each, with the parts as object files. */
export class UploadFiles {
  private readonly folder: string;

  constructor(
    root: string,
    private readonly objects: ObjectFiles,
  ) {
    this.folder = join(root, 'uploads');
  }

  async begin(facts: Omit<Upload, 'uploadId' | 'startedAt'>): Promise<Upload> {
    const upload = { ...facts, uploadId: randomBytes(16).toString('hex'), startedAt: Date.now() };
    await mkdir(this.uploadPath(upload.uploadId), { recursive: true });
    await writeFile(join(this.uploadPath(upload.uploadId), 'upload.json'), JSON.stringify(upload));
    return upload;
  }

  /** @throws S3Error NoSuchUpload, also when it is another object's */
  async get(bucket: string, key: string, uploadId: string): Promise<Upload> {
    const upload = UPLOAD_ID.test(uploadId) ? await this.find(uploadId) : undefined;
    if (upload?.bucket === bucket && upload.key === key) return upload;
    throw new S3Error('NoSuchUpload', 'The specified multipart upload does not exist.');
  }

  async list(bucket: string, prefix: string): Promise<Upload[]> {
    const ids = await orIfMissing(readdir(this.folder), []);
    const uploads = await Promise.all(ids.map((id) => this.find(id)));
    return uploads
      .filter((upload): upload is Upload => upload?.bucket === bucket && upload.key.startsWith(prefix))
      .sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  }

  async putPart({ uploadId }: Upload, number: string, content: Content): Promise<ObjectFacts> {
    if (!PART_NUMBER.test(number)) throw new S3Error('InvalidArgument', 'partNumber must be 1 to 10000.');
    return this.objects.receive(join(this.uploadPath(uploadId), number), content);
  }

  async listParts({ uploadId }: Upload): Promise<Part[]> {
    const folder = this.uploadPath(uploadId);
    const names = (await readdir(folder)).filter((name) => PART_NUMBER.test(name));
    const parts = names.map(async (name) => ({
      number: Number(name),
      ...(await readFacts(join(folder, name))),
    }));
    return (await Promise.all(parts)).sort((a, b) => a.number - b.number);
  }

  /** @param wanted the parts of the object, as the client counts them */
  async complete(upload: Upload, wanted: { number: number; md5: string }[]): Promise<ObjectFacts> {
    const present = new Map((await this.listParts(upload)).map((part) => [part.number, part]));
    const parts = wanted.map(({ number, md5 }) => {
      const part = present.get(number);
      if (part?.md5 !== md5) throw new S3Error('InvalidPart', `Part ${number} is missing or another one.`);
      return part;
    });
    const stream = this.concatenate(upload, parts);
    const { bucket, key, contentType, metadata } = upload;
    const facts = await this.objects.put(bucket, key, { stream, contentType, metadata });
    await this.abort(upload);
    return facts;
  }

  async abort({ uploadId }: Upload): Promise<void> {
    await rm(this.uploadPath(uploadId), { recursive: true, force: true });
  }

  private async *concatenate({ uploadId }: Upload, parts: Part[]): AsyncGenerator<Buffer> {
    for (const { number, size } of parts) {
      if (size === 0) continue;
      const path = join(this.uploadPath(uploadId), String(number));
      yield* createReadStream(path, { end: size - 1 }) as AsyncIterable<Buffer>;
    }
  }

  private async find(uploadId: string): Promise<Upload | undefined> {
    const json = await orIfMissing(
      readFile(join(this.uploadPath(uploadId), 'upload.json'), 'utf8'),
      undefined,
    );
    return json === undefined ? undefined : (JSON.parse(json) as Upload);
  }

  private uploadPath(uploadId: string): string {
    return join(this.folder, uploadId);
  }
}
