/** How a simulation fails by itself. */
import { LiminalError } from '../errors.js';

/** Nothing can happen any more, no timer is set, and the run still waits for something. */
export class SimulationStuckError extends LiminalError {
  readonly code = 'ERR_LIMINAL_SIMULATION_STUCK';

  constructor(steps: number) {
    super(
      `after ${steps} steps nothing can happen any more, and the run waits for something: for a message that nobody ` +
        'sends, or for something outside of the simulation (a real timer, a socket, a file)',
    );
  }
}

/** The run is not at its end after `maxSteps`. */
export class SimulationTooLongError extends LiminalError {
  readonly code = 'ERR_LIMINAL_SIMULATION_TOO_LONG';

  constructor(maxSteps: number, last: readonly string[]) {
    super(`the run is not at its end after ${maxSteps} steps (maxSteps); the last were: ${last.join('; ')}`);
  }
}

/** A run failed. `seed` repeats it, `cause` is what it threw. */
export class SeedError extends LiminalError {
  readonly code = 'ERR_LIMINAL_SEED';
  readonly seed: number;
  /** What happened out of the plain order, in as few steps as still fail. */
  readonly order: readonly string[];

  constructor(seed: number, message: string, order: readonly string[], cause: unknown) {
    super(message, { cause });
    this.seed = seed;
    this.order = order;
  }
}
