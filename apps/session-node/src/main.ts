import { createLogger, loadConfigOrExit, Shutdown } from '#runtime';
import { sessionNodeConfigSchema } from './config.js';
import { startSessionNode } from './session-node.js';

const config = loadConfigOrExit(sessionNodeConfigSchema);
const log = createLogger('session-node', config.LOG_LEVEL);
const shutdown = new Shutdown({ logger: log });
shutdown.listen();
try {
  const node = await startSessionNode(config, log);
  shutdown.onShutdown('the sessions', () => node.close(), config.SHUTDOWN_TIMEOUT_MS);
} catch (error) {
  log.fatal({ err: error }, 'session-node did not start');
  process.exit(1);
}
