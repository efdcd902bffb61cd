import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { Client } from 'minio';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { S3MediaStore } from '../index.js';

const MEBIBYTE = 1024 * 1024;
const s3 = inject('s3');
const store = new S3MediaStore(s3);
const prefix = `media-store-test/${randomBytes(6).toString('hex')}`;
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const octets = { contentType: 'application/octet-stream' };

function streamOf(bytes: Buffer, chunkBytes = 64 * 1024): Readable {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) chunks.push(bytes.subarray(at, at + chunkBytes));
  return Readable.from(chunks, { objectMode: false });
}

async function keysBelow(path: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(path)) keys.push(key);
  return keys;
}

describe('S3MediaStore', () => {
  afterAll(async () => {
    for await (const { key } of store.list(prefix)) await store.delete(key);
  });

  it.each([0, 1, 8 * MEBIBYTE, 8 * MEBIBYTE + 1, 20 * MEBIBYTE])(
    'keeps %i bytes, counted and hashed',
    async (size) => {
      const bytes = randomBytes(size);
      const key = `${prefix}/sizes/${size}`;
      expect(await store.put(key, streamOf(bytes), { contentType: 'image/png' })).toEqual({
        size,
        sha256: sha256(bytes),
      });
      expect(await store.stat(key)).toEqual({ size, contentType: 'image/png' });
      const content = await store.get(key);
      expect(content).toMatchObject({ size, contentType: 'image/png' });
      expect(sha256(Buffer.concat(await content.stream.toArray()))).toBe(sha256(bytes));
    },
  );

  it('gives ranges as asked', async () => {
    const bytes = randomBytes(10_000);
    const key = `${prefix}/ranges`;
    await store.put(key, streamOf(bytes), octets);
    const cases = [
      [{ start: 0, end: 0 }, 0, 0],
      [{ start: 100, end: 199 }, 100, 199],
      [{ start: 9_990 }, 9_990, 9_999],
      [{ start: 9_990, end: 20_000 }, 9_990, 9_999],
    ] as const;
    for (const [range, start, end] of cases) {
      const content = await store.get(key, { range });
      expect(content).toMatchObject({ size: 10_000, range: { start, end } });
      expect(Buffer.concat(await content.stream.toArray())).toEqual(bytes.subarray(start, end + 1));
    }
    await expect(store.get(key, { range: { start: 10_000 } })).rejects.toMatchObject({
      code: 'invalid_range',
    });
  });

  it.each([1_000, 12 * MEBIBYTE])(
    'refuses what is larger than %i bytes and keeps nothing of it',
    async (maxBytes) => {
      const key = `${prefix}/too-large/${maxBytes}`;
      const source = streamOf(randomBytes(maxBytes + 1));
      await expect(store.put(key, source, { ...octets, maxBytes })).rejects.toMatchObject({
        code: 'too_large',
      });
      expect(source.destroyed).toBe(true);
      await expect(store.stat(key)).rejects.toMatchObject({ code: 'not_found' });
      const client = new Client({
        ...s3,
        endPoint: '127.0.0.1',
        port: Number(new URL(s3.endpoint).port),
        useSSL: false,
      });
      expect(await client.listIncompleteUploads(s3.bucket, key, true).toArray()).toEqual([]);
      const exact = streamOf(randomBytes(maxBytes));
      expect(await store.put(key, exact, { ...octets, maxBytes })).toMatchObject({ size: maxBytes });
    },
  );

  it('refuses an announced size that is too large before reading, and one that is not kept', async () => {
    const key = `${prefix}/announced`;
    const unread = new PassThrough();
    const tooLarge = store.put(key, unread, { ...octets, size: 11, maxBytes: 10 });
    await expect(tooLarge).rejects.toMatchObject({ code: 'too_large' });
    await expect(store.put(key, streamOf(randomBytes(5)), { ...octets, size: 6 })).rejects.toMatchObject({
      code: 'incomplete',
    });
    expect(await keysBelow(key)).toEqual([]);
  });

  it('passes on the error of a source that breaks off, and keeps nothing', async () => {
    const key = `${prefix}/broken`;
    const broken = Readable.from(
      (async function* () {
        yield randomBytes(20 * MEBIBYTE);
        await Promise.resolve();
        throw new Error('the source broke');
      })(),
      { objectMode: false },
    );
    await expect(store.put(key, broken, octets)).rejects.toThrow('the source broke');
    expect(await keysBelow(key)).toEqual([]);
  });

  it('lists by prefix, deletes, and says what is not there', async () => {
    const below = `${prefix}/listed`;
    const names = ['a', 'b/c', 'b/d'].map((name) => `${below}/${name}`);
    for (const name of names) await store.put(name, streamOf(randomBytes(3)), octets);
    expect(await keysBelow(`${below}/`)).toEqual(names);
    expect(await keysBelow(`${below}/b/`)).toEqual(names.slice(1));
    const behind: string[] = [];
    for await (const { key, modifiedAt } of store.list(`${below}/`, { after: `${below}/a` })) {
      behind.push(key);
      expect(Math.abs(Date.now() - modifiedAt.getTime())).toBeLessThan(600_000);
    }
    expect(behind).toEqual(names.slice(1));
    await store.delete(`${below}/a`);
    await store.delete(`${below}/a`);
    await expect(store.get(`${below}/a`)).rejects.toMatchObject({ code: 'not_found' });
    await expect(store.stat(`${below}/a`)).rejects.toMatchObject({ code: 'not_found' });
    await expect(store.ping()).resolves.toBeUndefined();
  });

  it('ends uploads that were begun and left, and only those that are old enough', async () => {
    const client = new Client({
      ...s3,
      endPoint: '127.0.0.1',
      port: Number(new URL(s3.endpoint).port),
      useSSL: false,
    });
    const below = `${prefix}/left`;
    const left = () => client.listIncompleteUploads(s3.bucket, below, true).toArray();
    for (const name of ['a', 'b']) await client.initiateNewMultipartUpload(s3.bucket, `${below}/${name}`, {});
    expect(await store.abortUploads(below, new Date(Date.now() - 600_000))).toBe(0);
    expect(await left()).toHaveLength(2);
    expect(await store.abortUploads(below, new Date(Date.now() + 600_000))).toBe(2);
    expect(await left()).toEqual([]);
  });
});

describe('S3MediaStore without a store', () => {
  let deaf: Server;

  beforeAll(async () => {
    deaf = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
  });

  afterAll(() => {
    deaf.close();
  });

  it('says unavailable, whatever is asked', async () => {
    const { port } = deaf.address() as AddressInfo;
    const lost = new S3MediaStore({ ...s3, endpoint: `http://127.0.0.1:${port}` });
    const asked = [
      lost.ping(),
      lost.get('x'),
      lost.stat('x'),
      lost.delete('x'),
      lost.put('x', streamOf(randomBytes(9)), octets),
      lost.put('x', streamOf(randomBytes(9 * MEBIBYTE)), octets),
      lost.list('x').next(),
    ];
    for (const one of await Promise.allSettled(asked)) {
      expect(one).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } });
    }
  });

  it('lets go of a source that it cannot store, also one that has more to give', async () => {
    const { port } = deaf.address() as AddressInfo;
    const lost = new S3MediaStore({ ...s3, endpoint: `http://127.0.0.1:${port}` });
    const endless = new PassThrough();
    const stop = new AbortController();
    endless.on('error', () => undefined);
    const feed = async () => {
      while (!stop.signal.aborted && !endless.destroyed) {
        if (!endless.write(randomBytes(MEBIBYTE))) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const feeding = feed();
    await expect(lost.put('x', endless, octets)).rejects.toMatchObject({ code: 'unavailable' });
    expect(endless.destroyed).toBe(true);
    stop.abort();
    await feeding;
  });

  it('says unavailable when the keys or the bucket are wrong', async () => {
    await expect(new S3MediaStore({ ...s3, secretKey: 'wrong' }).ping()).rejects.toMatchObject({
      code: 'unavailable',
    });
    const elsewhere = new S3MediaStore({ ...s3, bucket: 'not-there' });
    await expect(elsewhere.ping()).rejects.toMatchObject({ code: 'unavailable' });
  });
});
