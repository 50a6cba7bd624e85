/**
 * What distribution needs of a network: byte streams that are dialled and accepted. `net-transport.ts` is the
 * one for TCP; tests bring their own in memory.
 *
 * For each connection: `opened` at most once and before any `data`; then `data` in order; then `closed` exactly
 * once, also after `destroy`, and nothing after it. Handlers are never called from within `dial`, `write`,
 * `end` or `destroy`.
 */

export interface ConnectionHandlers {
  /** The connection is established. Only for the dialler; an accepted connection is open from the start. */
  opened(): void;
  /** Bytes that came. They are the receiver's own to keep. */
  data(bytes: Uint8Array): void;
  /** @param reason `closed`, or the operating system's code, for instance `ECONNRESET`. */
  closed(reason: string): void;
}

export interface Connection {
  /** Where the other end is, for logs. */
  readonly remoteAddress: string;
  /**
   * Sends bytes, which must not change until `done` comes: when they have been handed to the kernel. It does not
   * come at all when the connection ends before.
   */
  write(bytes: Uint8Array, done?: () => void): void;
  /** Sends what was written, then says that nothing follows. Reading goes on. */
  end(): void;
  /** Ends both directions at once, with what is unsent. */
  destroy(): void;
}

export interface Listener {
  readonly port: number;
  /** Takes no more connections. Those taken live on. */
  close(): void;
}

export interface Transport {
  /** @throws the operating system's error, with its code. */
  listen(
    host: string,
    port: number,
    accept: (connection: Connection) => ConnectionHandlers,
    failed: (error: Error) => void,
  ): Promise<Listener>;
  dial(host: string, port: number, handlers: ConnectionHandlers): Connection;
}
