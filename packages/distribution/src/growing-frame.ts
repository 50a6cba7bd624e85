/**
 * A frame of many messages that grows while it waits to be written.
 *
 * Its sender adds to the body, and then says so of each frame with that body: `grow` pays for what was added, and counts it as
 * one more message, or refuses it. A frame may grow as long as it is the last one in its flow, is in no buffer, and no flush has
 * been asked for since: so that nothing is overtaken, and who waits for a flush waits for no more than there was.
 */
import type { LiveSession } from './live-session.js';
import type { GrowingQueuedFrame } from './outbound-queue.js';
import type { SendOutcome } from './session.js';

/** What frames of several sessions may have in common; each ends where it took from it last. */
export interface GrowingBody {
  /** Bytes so far; it never becomes shorter. */
  readonly length: number;
  /** The bytes up to there, which do not change any more. */
  upTo(end: number): Uint8Array;
}

export class GrowingFrame {
  readonly session: LiveSession;
  readonly #frame: GrowingQueuedFrame;

  constructor(session: LiveSession, frame: GrowingQueuedFrame) {
    this.session = session;
    this.#frame = frame;
  }

  get mayGrow(): boolean {
    return this.session.mayGrow(this.#frame);
  }

  /** Takes what was added to the body as one more message. @returns `closed`, with nothing done, where it may not grow. */
  grow(): SendOutcome | 'closed' {
    return this.session.grow(this.#frame);
  }
}
