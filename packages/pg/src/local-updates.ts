/**
 * The updates that this node tells: gathers its changes and numbers them, one version after another. What one turn
 * changes is one update, where it fits in a frame.
 */
import { cutChanges } from './frame-cutting.js';
import type { UpdateFrame, WireChange } from './wire.js';

/** So many gathered changes are told at once, so that peers take them in while there come more. */
const MAX_GATHERED = 4_096;

export class LocalUpdates {
  readonly #maxFrameBytes: number;
  #version = 0;
  #gathered: WireChange[] = [];

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** The number of the last update. */
  get version(): number {
    return this.#version;
  }

  /** Whether there are changes that are in no update yet. */
  get isGathering(): boolean {
    return this.#gathered.length > 0;
  }

  /** Keeps a change for the next update. @returns what is wanted: the first asks for a time, the last for an update. */
  gather(change: WireChange): 'first' | 'enough' | undefined {
    const count = this.#gathered.push(change);
    if (count === 1) return 'first';
    return count >= MAX_GATHERED ? 'enough' : undefined;
  }

  /** The updates that tell what was gathered; none where nothing was. */
  take(): UpdateFrame[] {
    if (this.#gathered.length === 0) return [];
    const runs = cutChanges(this.#gathered, this.#maxFrameBytes);
    this.#gathered = [];
    return runs.map((changes) => ({ type: 'update', version: ++this.#version, changes }));
  }

  /** Forgets what was gathered: a snapshot tells all that there is. */
  drop(): void {
    this.#gathered = [];
  }
}
