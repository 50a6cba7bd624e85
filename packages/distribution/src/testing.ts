/**
 * A network for tests: many nodes in one thread, without sockets and, with the virtual environment of
 * `@liminal-node/scheduler/testing`, without waiting.
 *
 * `createMemoryNetwork` joins nodes by byte streams that can be silenced (a frozen peer, a black hole: nothing
 * moves and nothing fails) and cut (both ends see the connection reset).
 */
import type { Environment } from '@liminal-node/scheduler';
import { formatHostAndPort } from './address.js';
import type { Connection, ConnectionHandlers, Transport } from './transport.js';

export { createVirtualEnvironment, type VirtualEnvironment } from '@liminal-node/scheduler/testing';

export interface MemoryNetwork {
  readonly transport: Transport;
  /** Connections that have not ended, counted once each. */
  readonly connections: number;
  /** Lets no byte through, and no end, on connections that were dialled to `address`, now and later. */
  silence(address: string): void;
  /** Lets through what was held back, in order. */
  restore(address: string): void;
  /** Resets every connection that was dialled to `address`. */
  cut(address: string): void;
}

/** @param environment its `setImmediate` is the delay of the network. */
export function createMemoryNetwork(environment: Pick<Environment, 'setImmediate'>): MemoryNetwork {
  const listeners = new Map<string, (connection: Connection) => ConnectionHandlers>();
  const silenced = new Set<string>();
  const wires = new Set<Wire>();
  let nextPort = 40_000;

  const dial: Transport['dial'] = (host, port, handlers) => {
    const address = formatHostAndPort(host, port);
    const isSilent = (): boolean => silenced.has(address);
    const wire = new Wire(address, handlers, environment, isSilent, () => wires.delete(wire));
    wires.add(wire);
    wire.carry(() => {
      const accept = listeners.get(address);
      if (accept === undefined) wire.reset('ECONNREFUSED');
      else wire.accept(accept);
    });
    return wire.side(0, address);
  };

  return {
    transport: {
      dial,
      listen: (host, port, accept) => {
        const real = port === 0 ? nextPort++ : port;
        const address = formatHostAndPort(host, real);
        if (listeners.has(address)) {
          return Promise.reject(Object.assign(new Error('address in use'), { code: 'EADDRINUSE' }));
        }
        listeners.set(address, accept);
        return Promise.resolve({ port: real, close: () => void listeners.delete(address) });
      },
    },
    get connections() {
      return wires.size;
    },
    silence: (address) => void silenced.add(address),
    restore: (address) => {
      silenced.delete(address);
      for (const wire of wires) wire.flow();
    },
    cut: (address) => {
      for (const wire of wires) if (wire.address === address) wire.reset('ECONNRESET');
    },
  };
}

/** Two ends, the dialler's first, and what is under way between them, in one order for both directions. */
class Wire {
  readonly address: string;
  readonly #environment: Pick<Environment, 'setImmediate'>;
  readonly #isSilent: () => boolean;
  readonly #ended: () => void;
  readonly #underWay: (() => void)[] = [];
  readonly #ends: (ConnectionHandlers | undefined)[];

  constructor(
    address: string,
    dialler: ConnectionHandlers,
    environment: Pick<Environment, 'setImmediate'>,
    isSilent: () => boolean,
    ended: () => void,
  ) {
    this.address = address;
    this.#ends = [dialler, undefined];
    this.#environment = environment;
    this.#isSilent = isSilent;
    this.#ended = ended;
  }

  accept(acceptor: (connection: Connection) => ConnectionHandlers): void {
    if (this.#ends[0] === undefined) return;
    this.#ends[1] = acceptor(this.side(1, 'memory:0'));
    this.#ends[0].opened();
  }

  side(at: 0 | 1, remoteAddress: string): Connection {
    const other = at === 0 ? 1 : 0;
    return {
      remoteAddress,
      write: (bytes, done) =>
        this.carry(() => {
          const receiver = this.#ends[other];
          receiver?.data(Uint8Array.from(bytes));
          if (receiver !== undefined) done?.();
        }),
      // Like a socket that does not stay half open: the other end closes as well.
      end: () => this.carry(() => this.reset('closed')),
      destroy: () => {
        this.#close(at, 'closed');
        this.carry(() => this.#close(other, 'closed'));
      },
    };
  }

  carry(step: () => void): void {
    this.#underWay.push(step);
    this.#environment.setImmediate(() => this.flow());
  }

  flow(): void {
    while (!this.#isSilent()) {
      const step = this.#underWay.shift();
      if (step === undefined) return;
      step();
    }
  }

  reset(reason: string): void {
    this.#close(0, reason);
    this.#close(1, reason);
  }

  #close(at: 0 | 1, reason: string): void {
    const handlers = this.#ends[at];
    this.#ends[at] = undefined;
    if (handlers !== undefined) this.#environment.setImmediate(() => handlers.closed(reason));
    if (this.#ends[0] === undefined && this.#ends[1] === undefined) this.#ended();
  }
}
