/** The test kit: a virtual clock, a node in one thread, and a seed for what may legally happen next. */
export * from './testing/errors.js';
export { type Exploration, type ExploreOptions, explore } from './testing/explore.js';
export type { Simulation, SimulationOptions } from './testing/simulation.js';
export { createVirtualEnvironment, type VirtualEnvironment } from './testing/virtual-environment.js';
