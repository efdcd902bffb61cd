import { startObjectStore } from './start-object-store.js';

/**
 * The object store as a process of its own, told by its environment: S3_DATA_DIR, S3_PORT, S3_ACCESS_KEY,
 * S3_SECRET_KEY, S3_BUCKET. Prints one line of JSON with its endpoint when it serves; ends at SIGTERM or SIGINT.
 */
function setting(name: string): string {
  const value = process.env[name];
  if (value) return value;
  process.stderr.write(`${name} is not set\n`);
  process.exit(1);
}

const store = await startObjectStore({
  dataDir: setting('S3_DATA_DIR'),
  port: Number(process.env.S3_PORT ?? 0),
  accessKey: setting('S3_ACCESS_KEY'),
  secretKey: setting('S3_SECRET_KEY'),
  buckets: [setting('S3_BUCKET')],
  log: (error) =>
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`),
});
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void store.stop());
process.stdout.write(`${JSON.stringify({ endpoint: store.endpoint })}\n`);
