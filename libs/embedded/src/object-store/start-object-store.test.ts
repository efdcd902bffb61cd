import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Client } from 'minio';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startObjectStore, type RunningObjectStore } from '../index.js';
import { waitFor } from '../../../../test/support/index.js';

const BUCKET = 'media';
const MEBIBYTE = 1024 * 1024;
const keys = { accessKey: 'access', secretKey: 'a secret of the test' };

function clientOf(store: RunningObjectStore, secretKey = keys.secretKey): Client {
  return new Client({
    endPoint: '127.0.0.1',
    port: store.port,
    useSSL: false,
    region: 'us-east-1',
    ...keys,
    secretKey,
    partSize: 5 * MEBIBYTE,
  });
}

async function hashOf(stream: Readable): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Of a GET whose path is sent as it stands; fetch would resolve `..` in it. */
async function statusOf(port: number, path: string): Promise<number | undefined> {
  const asked = request({ host: '127.0.0.1', port, path }).end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  answer.resume();
  return answer.statusCode;
}

describe('embedded object store', () => {
  let dataDir: string;
  let store: RunningObjectStore;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'wagate-s3-'));
    store = await startObjectStore({ dataDir, ...keys, buckets: [BUCKET] });
  });

  afterAll(async () => {
    await store.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('stores, ranges, lists and deletes as the minio client asks', async () => {
    const client = clientOf(store);
    const body = randomBytes(300_000);
    await client.putObject(BUCKET, 't/one/a photo (1).jpg', body, body.length, {
      'Content-Type': 'image/jpeg',
    });
    const stat = await client.statObject(BUCKET, 't/one/a photo (1).jpg');
    expect(stat.size).toBe(body.length);
    expect(stat.metaData['content-type']).toBe('image/jpeg');
    const middle = await client.getPartialObject(BUCKET, 't/one/a photo (1).jpg', 1_000, 500);
    expect(await hashOf(middle)).toBe(await hashOf(Readable.from([body.subarray(1_000, 1_500)])));
    const first = await client.getPartialObject(BUCKET, 't/one/a photo (1).jpg', 0, 1);
    expect(Buffer.concat(await first.toArray())).toEqual(body.subarray(0, 1));
    await client.removeObject(BUCKET, 't/one/a photo (1).jpg');
    await expect(client.statObject(BUCKET, 't/one/a photo (1).jpg')).rejects.toMatchObject({
      code: 'NotFound',
    });
  });

  it('takes 100 MB in parts and gives it back after a restart', async () => {
    const block = randomBytes(MEBIBYTE);
    const blocks = () =>
      Readable.from(
        Array.from({ length: 100 }, () => block),
        { objectMode: false },
      );
    const before = process.memoryUsage().rss;
    await clientOf(store).putObject(BUCKET, 'big/file', blocks());
    await store.stop();
    store = await startObjectStore({ dataDir, port: store.port, ...keys, buckets: [BUCKET] });
    expect(await hashOf(await clientOf(store).getObject(BUCKET, 'big/file'))).toBe(await hashOf(blocks()));
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * MEBIBYTE);
  });

  it('lists in key order over pages and folders', async () => {
    const client = clientOf(store);
    const names = ['p/a/x', 'p/a-b', 'p/a.b/y', 'p/a', 'p/b'];
    for (const name of names) await client.putObject(BUCKET, name, Buffer.from(name));
    const listed: string[] = [];
    let startAfter = '';
    for (;;) {
      const page = await client.listObjectsV2Query(BUCKET, 'p/', '', '', 2, startAfter);
      listed.push(...page.objects.map((object) => String(object.name)));
      if (!page.isTruncated) break;
      startAfter = listed.at(-1) ?? '';
    }
    expect(listed).toEqual([...names].sort());
  });

  it('leaves no trace of an upload that breaks off', async () => {
    const client = clientOf(store);
    const url = new URL(await client.presignedPutObject(BUCKET, 'broken/off', 60));
    const upload = request(url, { method: 'PUT', headers: { 'content-length': String(MEBIBYTE) } });
    const failed = once(upload, 'error').catch(() => undefined);
    upload.on('error', () => undefined);
    upload.write(randomBytes(1_000));
    await waitFor(async () => (await readdir(join(dataDir, 'incoming'))).length > 0, {
      what: 'the upload to begin',
    });
    upload.destroy(new Error('gone'));
    await failed;
    await waitFor(async () => (await readdir(join(dataDir, 'incoming'))).length === 0, {
      what: 'the rest to go',
    });
    await expect(client.statObject(BUCKET, 'broken/off')).rejects.toMatchObject({ code: 'NotFound' });
  });

  it('lists and aborts unfinished uploads', async () => {
    const client = clientOf(store);
    const uploadId = await client.initiateNewMultipartUpload(BUCKET, 'parts/never-done', {});
    const list = async () => client.listIncompleteUploads(BUCKET, 'parts/', true).toArray();
    expect(await list()).toMatchObject([{ key: 'parts/never-done', uploadId }]);
    await client.abortMultipartUpload(BUCKET, 'parts/never-done', uploadId);
    expect(await list()).toEqual([]);
    await expect(client.abortMultipartUpload(BUCKET, 'parts/never-done', uploadId)).rejects.toMatchObject({
      code: 'NoSuchUpload',
    });
  });

  it('refuses unsigned requests, wrong signatures and the well-known key', async () => {
    const unsigned: [string, RequestInit][] = [
      [`/${BUCKET}/big/file`, {}],
      [`/${BUCKET}/x`, { method: 'PUT', body: 'x' }],
      [`/${BUCKET}/x`, { method: 'OPTIONS' }],
      [`/${BUCKET}`, { method: 'POST', body: new FormData() }],
      [`/${BUCKET}?uploads`, {}],
      ['/', {}],
    ];
    for (const [path, init] of unsigned) {
      const answer = await fetch(store.endpoint + path, init);
      expect([path, answer.status]).toEqual([path, 403]);
    }
    const wrong = clientOf(store, 'another secret');
    await expect(wrong.putObject(BUCKET, 'x', 'x')).rejects.toMatchObject({ code: 'SignatureDoesNotMatch' });
    await expect(wrong.listIncompleteUploads(BUCKET, '', true).toArray()).rejects.toMatchObject({
      code: 'SignatureDoesNotMatch',
    });
    const known = new Client({
      endPoint: '127.0.0.1',
      port: store.port,
      useSSL: false,
      region: 'us-east-1',
      accessKey: 'S3RVER',
      secretKey: 'S3RVER',
    });
    await expect(known.putObject(BUCKET, 'x', 'x')).rejects.toMatchObject({ code: 'InvalidAccessKeyId' });
  });

  it('keeps keys inside the bucket', async () => {
    const client = clientOf(store);
    for (const key of ['a/../../outside', '../outside', './x', 'a/..']) {
      const url = await client.presignedGetObject(BUCKET, key, 60);
      expect([key, await statusOf(store.port, url.slice(store.endpoint.length))]).toEqual([key, 400]);
    }
    await expect(
      client.removeObjects(BUCKET, ['../../incoming/x']).then((results) => results.length),
    ).rejects.toMatchObject({ code: 'InvalidArgument' });
  });
});
