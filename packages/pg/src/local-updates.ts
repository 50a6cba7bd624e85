/**
 * The updates that this node tells: gathers its changes and numbers them, one version after another. What one turn
 * changes is one update, where it fits in a frame. The last updates are logged, for peers that come back and still
 * hold an earlier version.
 */
import { cutChanges } from './frame-cutting.js';
import { changeBytes, FRAME_HEADER_BYTES, type ResumeFrame, type UpdateFrame, type WireChange } from './wire.js';

/** So many gathered changes are told at once, so that peers take them in while there come more. */
const MAX_GATHERED = 4_096;

export class LocalUpdates {
  readonly #maxFrameBytes: number;
  readonly #maxLogged: number;
  #version = 0;
  #gathered: WireChange[] = [];
  /** The last updates, one version after another, from `#head` on. */
  #log: UpdateFrame[] = [];
  #head = 0;
  #logged = 0;

  /** @param maxLogged changes in the log. */
  constructor(maxFrameBytes: number, maxLogged: number) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#maxLogged = maxLogged;
  }

  /** The number of the last update. */
  get version(): number {
    return this.#version;
  }

  /** Whether there are changes that are in no update yet. */
  get isGathering(): boolean {
    return this.#gathered.length > 0;
  }

  /** Changes in the log. */
  get logged(): number {
    return this.#logged;
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
    const updates = runs.map((changes): UpdateFrame => ({ type: 'update', version: ++this.#version, changes }));
    for (const update of updates) this.#keep(update);
    return updates;
  }

  /** Forgets what was gathered: a snapshot tells all that there is. */
  drop(): void {
    this.#gathered = [];
  }

  /**
   * All that was told behind that version, in as few frames as it fits in and at least one, each from the version that
   * the one before leads to; undefined where the log does not reach back so far, or there never was such a version.
   */
  since(from: number): ResumeFrame[] | undefined {
    const behind = this.#version - from;
    if (behind < 0 || behind > this.#log.length - this.#head) return undefined;
    const frames: ResumeFrame[] = [];
    let next = { type: 'resume' as const, from, version: from, changes: [] as WireChange[] };
    let left = this.#maxFrameBytes - FRAME_HEADER_BYTES;
    for (const { version, changes } of this.#log.slice(this.#log.length - behind)) {
      const bytes = changes.reduce((sum, { group }) => sum + changeBytes(group), 0);
      if (left <= bytes && next.changes.length > 0) {
        frames.push(next);
        next = { type: 'resume', from: next.version, version, changes: [] };
        left = this.#maxFrameBytes - FRAME_HEADER_BYTES;
      }
      for (const change of changes) next.changes.push(change);
      next.version = version;
      left -= bytes;
    }
    return [...frames, next];
  }

  #keep(update: UpdateFrame): void {
    this.#log.push(update);
    this.#logged += update.changes.length;
    while (this.#logged > this.#maxLogged) this.#logged -= this.#log[this.#head++]?.changes.length ?? 0;
    // Cutting off every time would cost the length of the log.
    if (this.#head * 2 < this.#log.length) return;
    this.#log = this.#log.slice(this.#head);
    this.#head = 0;
  }
}
