export type { BuildProfile, Simulator, SimulatorOptions } from './options.js';
export { startSimulator } from './simulator.js';
export { Network } from './network/network.js';
