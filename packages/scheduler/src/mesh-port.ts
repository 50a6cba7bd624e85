/** One end of the way between two threads of a node: what goes in at one end comes out at the other, in order. */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';

export interface MeshPort {
  /** Gives a batch away, with the memory that holds it. Nothing happens where the port is closed. */
  post(batch: Uint8Array<ArrayBuffer>): void;
  /** Calls back with each batch that comes, in a task of its own. Once, before the first batch is wanted. */
  onBatch(receive: (batch: Uint8Array) => void): void;
  /** Takes the oldest batch that has come and that nobody was called with; undefined where there is none. */
  take(): Uint8Array | undefined;
  close(): void;
}

/** @param keepAlive whether the port keeps its thread's event loop alive. */
export function meshPort(port: MessagePort, keepAlive: boolean): MeshPort {
  return {
    post: (batch) => port.postMessage(batch, [batch.buffer]),
    onBatch: (receive) => {
      port.on('message', receive);
      if (!keepAlive) port.unref();
    },
    take: () => receiveMessageOnPort(port)?.message,
    close: () => port.close(),
  };
}
