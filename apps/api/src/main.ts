import { pino } from 'pino';
import { migrate } from '#database';
import { createApp } from './create-app.js';
import { loggableError } from './http/index.js';
import { loadApiConfig } from './load-api-config.js';

const config = loadApiConfig(process.env);
const logger = pino({ level: config.LOG_LEVEL, base: { app: 'api' } });

/** Migrates, listens, and ends in order when it is told to: no new connections, running requests, workers, database. */
async function main(): Promise<void> {
  const applied = await migrate({ ownerUrl: config.DATABASE_OWNER_URL, appUrl: config.DATABASE_URL });
  if (applied.length > 0) logger.info({ applied }, 'database migrated');
  const app = await createApp(config, logger);
  await app.listen(config.PORT, config.HOST);
  logger.info({ url: await app.getUrl() }, 'api is listening');

  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) return;
    stopping = true;
    logger.info({ signal }, 'api is stopping');
    const deadline = setTimeout(() => {
      logger.error('api did not stop in time');
      process.exit(1);
    }, config.SHUTDOWN_TIMEOUT_SECONDS * 1000);
    app.close().then(
      () => {
        clearTimeout(deadline);
        logger.info('api stopped');
        process.exit(0);
      },
      (error: unknown) => {
        logger.error({ err: loggableError(error) }, 'api did not stop in order');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

// A promise that nobody waits for must not end the process that keeps 202'd messages going; it is a defect to be seen.
process.on('unhandledRejection', (error) =>
  logger.error({ err: loggableError(error) }, 'unhandled rejection'),
);

main().catch((error: unknown) => {
  logger.fatal({ err: loggableError(error) }, 'api did not start');
  process.exit(1);
});
