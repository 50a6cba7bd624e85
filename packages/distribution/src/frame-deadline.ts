/**
 * Whether a peer sends a frame a byte at a time, which shows life and holds memory for ever.
 *
 * Asked at every heartbeat, so that it costs the way of frames nothing: a frame that is on its way at two times
 * which lie the deadline apart has taken too long. So it is found within the deadline and two intervals.
 */
export class FrameDeadline {
  readonly #timeoutMs: number;
  #partial = 0;
  #since = 0;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /**
   * @param partial which frame has begun and not ended, as `FrameDecoder.partial` says.
   * @param late whether this node itself was late to ask, and so to read: then nothing counts against the peer.
   */
  isOver(partial: number, now: number, late: boolean): boolean {
    if (partial !== this.#partial || late) {
      this.#partial = partial;
      this.#since = now;
    }
    return partial !== 0 && now - this.#since >= this.#timeoutMs;
  }
}
