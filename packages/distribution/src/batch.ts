/** What an `OutboundQueue` gives to be written, and what it tells of the rest. */

/** One buffer to write, and what it settles. */
export interface Batch {
  readonly bytes: Uint8Array;
  /** Paid for from the control budget: of the pieces that end in this buffer, as is `dataBytes`. */
  readonly controlBytes: number;
  readonly dataBytes: number;
  /** Frames that end in this buffer. */
  readonly frames: number;
  /** Messages of those frames. */
  readonly messages: number;
  /** Those messages that are of the data lane. */
  readonly dataMessages: number;
  /** Those messages by the mark that they were pushed before. */
  readonly byMark: readonly { readonly mark: number; messages: number }[];
  /** Of bodies of fragments that begin in this buffer. */
  readonly fragmentBytes: number;
}

/** A batch that is being filled. */
export type OpenBatch = { -readonly [K in keyof Batch]: Batch[K] } & {
  readonly byMark: { mark: number; messages: number }[];
};

/** One literal and no spread: a spread sends the engine to its slow path, which was 4 % of the CPU time of round trips between nodes. */
export function openBatch(bytes: Uint8Array): OpenBatch {
  return {
    bytes,
    controlBytes: 0,
    dataBytes: 0,
    frames: 0,
    messages: 0,
    dataMessages: 0,
    byMark: [],
    fragmentBytes: 0,
  };
}

/** Messages of the frames that were not released. */
export interface Unwritten {
  /** The peer has not seen their frames, at least not to their end. */
  readonly dropped: number;
  /** Their frames were in a buffer that had been taken: the peer may have them or not. */
  readonly uncertain: number;
}
