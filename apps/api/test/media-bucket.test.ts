import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, it } from 'vitest';
import { startObjectStore, type RunningObjectStore } from '#embedded';
import { MediaStore } from '#media-store';
import { waitFor } from '../../../test/support/index.js';
import { startApi, type TestApi } from '../../../test/support/start-api.js';

let store: RunningObjectStore | undefined;
let api: TestApi | undefined;
let folder: string | undefined;

afterEach(async () => {
  await api?.close();
  await store?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

it('the api makes its bucket in a store that has none', async () => {
  folder = await mkdtemp(join(tmpdir(), 'wagate-bucket-'));
  const keys = { accessKey: 'wagate', secretKey: 'secret-of-the-tests' };
  store = await startObjectStore({ dataDir: folder, ...keys, buckets: [] });
  api = await startApi({
    S3_ENDPOINT: store.endpoint,
    S3_BUCKET: 'new-bucket',
    S3_ACCESS_KEY: keys.accessKey,
    S3_SECRET_KEY: keys.secretKey,
  });
  const media = api.app.get(MediaStore, { strict: false });
  await waitFor(
    () =>
      media.ping().then(
        () => true,
        () => false,
      ),
    { what: 'the bucket to be there' },
  );
});
