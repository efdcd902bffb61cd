import { Shutdown, createLogger, loadConfigOrExit } from '#runtime';
import { type SimulatorConfig, simulatorConfigSchema } from './config.js';
import { seedPersonas } from './seed-personas.js';
import { startSimulator } from './simulator.js';

const config = loadConfigOrExit(simulatorConfigSchema);
const logger = createLogger('simulator');

async function main({ SIMULATOR_STATE_FILE: stateFile, ...rest }: SimulatorConfig): Promise<void> {
  const simulator = await startSimulator({
    host: rest.SIMULATOR_HOST,
    port: rest.SIMULATOR_PORT,
    pagePort: rest.SIMULATOR_PAGE_PORT,
    profile: rest.SIMULATOR_PROFILE,
    qrFirstMs: rest.SIMULATOR_QR_FIRST_MS,
    qrNextMs: rest.SIMULATOR_QR_NEXT_MS,
    pageHeapMb: rest.SIMULATOR_PAGE_HEAP_MB,
    ...(stateFile === undefined ? {} : { stateFile }),
  });
  seedPersonas(simulator.network);
  const shutdown = new Shutdown({ logger });
  shutdown.onShutdown('the simulator', () => simulator.close());
  shutdown.listen();
  logger.info({ port: Number(new URL(simulator.controlUrl).port) }, 'simulator is listening');
}

main(config).catch((err: unknown) => {
  logger.fatal({ err }, 'simulator did not start');
  process.exit(1);
});
