import { migrate } from '#database';
import { createLogger, loadConfigOrExit, Shutdown } from '#runtime';
import { apiConfigSchema } from './config.js';
import { createApp } from './create-app.js';

const config = loadConfigOrExit(apiConfigSchema);
const logger = createLogger('api', config.LOG_LEVEL);

/** Migrates, listens, and ends in order when it is told to: no new connections, running requests, workers, database. */
async function main(): Promise<void> {
  const shutdown = new Shutdown({ logger });
  shutdown.listen();
  const applied = await migrate({ ownerUrl: config.DATABASE_OWNER_URL, appUrl: config.DATABASE_URL });
  if (applied.length > 0) logger.info({ count: applied.length }, 'database migrated');
  const app = await createApp(config, logger);
  shutdown.onShutdown('the api', () => app.close(), config.SHUTDOWN_TIMEOUT_SECONDS * 1000);
  await app.listen(config.PORT, config.HOST);
  logger.info({ host: config.HOST, port: config.PORT }, 'api is listening');
}

// A promise that nobody waits for must not end the process that keeps 202'd messages going; it is a defect to be seen.
process.on('unhandledRejection', (err) => logger.error({ err }, 'unhandled rejection'));

main().catch((err: unknown) => {
  logger.fatal({ err }, 'api did not start');
  process.exit(1);
});
