/**
 * Messages to other nodes, put together into blocks (`message-block.ts`) on the thread of their senders.
 *
 * 1. There is one route for each thread of another node. Its open block takes the messages that one process sends
 *    there; another sender, or what does not fit into a block, closes it.
 * 2. A block is closed and sent when the thread sends what it has for other threads, when 16 KiB have come together,
 *    and before any other signal for that node and any request to home: the order of what a process sends is kept.
 *
 * Measured from process to process on two nodes against one frame a message: ten times as many messages a second.
 */
import { BlockWriter } from './encoding/message-block.js';
import type { NodeLife } from './encoding/signal-codec.js';
import type { NodeName, Pid, PidParts } from './pid.js';

/** A block that has grown to this is sent. Less than the smallest frame that a node may be limited to. */
const FULL_BYTES = 16 * 1024;

/** Routes are remembered up to this many; then the memory starts afresh. */
const MAX_ROUTES = 1_000;

export interface BlockHost {
  /** Takes a block, the bytes of which change afterwards. */
  sendBlock(target: NodeLife, block: Uint8Array): void;
  /** Where a process is. */
  address(pid: Pid): PidParts;
}

export class MessageBlocks {
  readonly #host: BlockHost;
  readonly #routes = new Map<string, Route>();
  readonly #open: Route[] = [];

  constructor(host: BlockHost) {
    this.#host = host;
  }

  /** The way to the thread of a process of another node. To be kept with what is known of the process. */
  route({ node, creation, thread }: PidParts): Route {
    const key = `${node}#${creation}.${thread}`;
    let route = this.#routes.get(key);
    if (route === undefined) {
      if (this.#routes.size >= MAX_ROUTES) this.#routes.clear();
      route = new Route(node, creation, thread);
      this.#routes.set(key, route);
    }
    return route;
  }

  /**
   * Puts a message into a block.
   * @returns false where it has to be sent by itself, behind what `close` sends.
   * @throws MessageTooLargeError
   */
  add(route: Route, from: Pid, serial: number, message: unknown, maxBytes: number): boolean {
    const { writer } = route;
    if (writer.isWriting) return false;
    if (route.from !== from) this.#send(route);
    if (writer.length === 0) {
      route.from = from;
      writer.begin(route.thread, this.#host.address(from));
    }
    if (!writer.add(serial, message, maxBytes)) return false;
    if (!route.isOpen) {
      route.isOpen = true;
      this.#open.push(route);
    }
    if (writer.length >= FULL_BYTES) this.#send(route);
    return true;
  }

  /**
   * A block of one message, which is the caller's own.
   * @returns undefined where the message is one for `encodeValue`. @throws MessageTooLargeError
   */
  alone(route: Route, from: Pid, serial: number, message: unknown, maxBytes: number): Uint8Array | undefined {
    const { writer } = route;
    if (writer.isWriting) return undefined;
    this.#send(route);
    writer.begin(route.thread, this.#host.address(from));
    if (!writer.add(serial, message, maxBytes)) return undefined;
    return Buffer.from(writer.finish());
  }

  /** Sends what is open for a node. */
  close(node: NodeName): void {
    for (const route of this.#open) if (route.node === node) this.#send(route);
  }

  /** Sends all that is open. */
  flush(): void {
    if (this.#open.length === 0) return;
    for (const route of this.#open.splice(0)) {
      route.isOpen = false;
      this.#send(route);
    }
  }

  #send(route: Route): void {
    if (route.writer.length > 0) this.#host.sendBlock(route, route.writer.finish());
  }
}

/** The way to one thread of another node. */
export class Route implements NodeLife {
  readonly node: NodeName;
  readonly creation: number;
  readonly thread: number;
  readonly writer = new BlockWriter();
  /** Whose messages are in the open block. */
  from: Pid | undefined;
  /** Whether it is to be flushed. */
  isOpen = false;

  constructor(node: NodeName, creation: number, thread: number) {
    this.node = node;
    this.creation = creation;
    this.thread = thread;
  }
}
