import type { Simulator, SimulatorOptions } from './options.js';

/** Starts network, page server and control API. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  throw new Error(`the simulator (${options.profile ?? '2026-09'}) is not built yet`);
}
