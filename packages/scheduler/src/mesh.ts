/**
 * The ports between the threads of a node: each thread has one to every other, so that what one process sends
 * to another takes one hop and keeps its order.
 *
 * What is sent is collected per thread and posted once per turn of the event loop, or sooner when much has
 * come together. The home thread's batch is posted first: whoever hears of something from another thread and
 * asks home about it finds that home can know it too.
 */
import { ByteWriter } from './bytes.js';
import type { MeshPort } from './mesh-port.js';

/** Beyond it a batch is posted without waiting for the end of the turn. */
const POST_AT_BYTES = 64 * 1024;

interface Neighbour {
  readonly port: MeshPort;
  readonly outbox: ByteWriter;
}

export class Mesh {
  readonly #receive: (thread: number, batch: Uint8Array) => void;
  readonly #requestFlush: () => void;
  readonly #neighbours = new Map<number, Neighbour>();

  constructor(receive: (thread: number, batch: Uint8Array) => void, requestFlush: () => void) {
    this.#receive = receive;
    this.#requestFlush = requestFlush;
  }

  attach(thread: number, port: MeshPort): void {
    port.onBatch((batch) => this.#receive(thread, batch));
    this.#neighbours.set(thread, { port, outbox: new ByteWriter(0, true) });
  }

  /** Takes in what the thread had posted, then forgets it. */
  detach(thread: number): void {
    this.receivePending(thread);
    this.#neighbours.get(thread)?.port.close();
    this.#neighbours.delete(thread);
  }

  /** Handles at once what the thread has posted and the event loop has not delivered yet. */
  receivePending(thread: number): void {
    const port = this.#neighbours.get(thread)?.port;
    if (port === undefined) return;
    for (let batch = port.take(); batch !== undefined; batch = port.take()) this.#receive(thread, batch);
  }

  get threads(): IterableIterator<number> {
    return this.#neighbours.keys();
  }

  /** Where to write parcels for a thread; undefined where it is gone. Follow it with `written`. */
  outbox(thread: number): ByteWriter | undefined {
    return this.#neighbours.get(thread)?.outbox;
  }

  /** To be called after writing to an outbox. */
  written(outbox: ByteWriter): void {
    if (outbox.length >= POST_AT_BYTES) this.flush();
    else this.#requestFlush();
  }

  flush(): void {
    // Home is thread 0 and is attached first, and a Map keeps that order.
    for (const { port, outbox } of this.#neighbours.values()) {
      if (outbox.length > 0) port.post(outbox.take());
    }
  }

  close(): void {
    this.flush();
    for (const { port } of this.#neighbours.values()) port.close();
    this.#neighbours.clear();
  }
}
