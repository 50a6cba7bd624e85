/**
 * Rows of a fixed size in chunks of bytes, which are written one after another and handed to another thread without a copy.
 */

/** Rows of a full chunk: all that is written between two looks at the clock. Every chunk but the last is full. */
export const ROWS_PER_CHUNK = 512;

export interface RowChunk {
  readonly rows: number;
  readonly bytes: ArrayBuffer;
}

export class RowChunkWriter {
  readonly #rowBytes: number;
  readonly #chunks: RowChunk[] = [];
  #rows = ROWS_PER_CHUNK;
  /** How many rows there are. */
  length = 0;
  /** Of the chunk that is being written. */
  view = new DataView(new ArrayBuffer(0));

  constructor(rowBytes: number) {
    this.#rowBytes = rowBytes;
  }

  /** Whether the row that was written last has filled its chunk. */
  get isFull(): boolean {
    return this.#rows === ROWS_PER_CHUNK;
  }

  /** @returns where in `view` the next row begins. */
  next(): number {
    if (this.isFull) {
      this.#close();
      this.view = new DataView(new ArrayBuffer(ROWS_PER_CHUNK * this.#rowBytes));
      this.#rows = 0;
    }
    this.length++;
    return this.#rows++ * this.#rowBytes;
  }

  /** All chunks; nothing is written afterwards. */
  take(): readonly RowChunk[] {
    this.#close();
    return this.#chunks;
  }

  #close(): void {
    if (this.view.byteLength > 0) this.#chunks.push({ rows: this.#rows, bytes: this.view.buffer as ArrayBuffer });
  }
}
