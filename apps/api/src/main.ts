import { migrate } from '#database';
import { createLogger, loadConfigOrExit, Shutdown } from '#runtime';
import { apiConfigSchema } from './config.js';
import { createApp } from './create-app.js';

const config = loadConfigOrExit(apiConfigSchema);
const logger = createLogger('api', config.LOG_LEVEL);

/** For what ends quickly, beside requests and sends, which have SHUTDOWN_TIMEOUT_SECONDS each. */
const REST_OF_SHUTDOWN_MS = 15_000;

/** Migrates, listens, and ends in order when it is told to: no new connections, running requests, workers, database. */
async function main(): Promise<void> {
  const shutdown = new Shutdown({ logger });
  shutdown.listen();
  const applied = await migrate({ ownerUrl: config.DATABASE_OWNER_URL, appUrl: config.DATABASE_URL });
  if (applied.length > 0) logger.info({ count: applied.length }, 'database migrated');
  const app = await createApp(config, logger);
  const shutdownMs = 2 * config.SHUTDOWN_TIMEOUT_SECONDS * 1000 + REST_OF_SHUTDOWN_MS;
  shutdown.onShutdown('the api', () => app.close(), shutdownMs);
  await app.listen(config.PORT, config.HOST);
  logger.info({ host: config.HOST, port: config.PORT }, 'api is listening');
}

// A promise that nobody waits for must not end the process that keeps 202'd messages going; it is a defect to be seen.
process.on('unhandledRejection', (err) => logger.error({ err }, 'unhandled rejection'));

main().catch((err: unknown) => {
  logger.fatal({ err }, 'api did not start');
  process.exit(1);
});
