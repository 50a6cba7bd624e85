/**
 * A proxy before each node of a cluster, and a wire for each direction between two nodes, whoever has dialled: what a
 * test does to a wire happens to all that one node sends another. Nodes are named `n0@…`, `n1@…`, and tell their
 * peers the addresses of their proxies (`distribution: { advertise }`).
 */
import { FaultProxy, Wire, type WireMode } from './fault-proxy.js';

export interface ProxiedNetworkOptions {
  readonly nodes: number;
  readonly seed: number;
  /** `host:port` where the node really listens. */
  readonly to: (node: number) => string;
  /** Where the proxies listen. @default 127.0.0.1 */
  readonly host?: string;
}

export class ProxiedNetwork implements AsyncDisposable {
  readonly #options: ProxiedNetworkOptions;
  readonly #proxies: FaultProxy[] = [];
  readonly #wires = new Map<string, Wire>();

  static async start(options: ProxiedNetworkOptions): Promise<ProxiedNetwork> {
    const network = new ProxiedNetwork(options);
    for (let node = 0; node < options.nodes; node++) network.#proxies.push(await network.#before(node));
    return network;
  }

  private constructor(options: ProxiedNetworkOptions) {
    this.#options = options;
  }

  /** `host:port` to dial a node. */
  address(node: number): string {
    return this.proxy(node).address;
  }

  /** The proxy before a node. */
  proxy(node: number): FaultProxy {
    const proxy = this.#proxies[node];
    if (proxy === undefined) throw new RangeError(`there is no node ${node}`);
    return proxy;
  }

  wire(from: number, to: number): Wire {
    const key = `${from}>${to}`;
    let wire = this.#wires.get(key);
    if (wire === undefined) {
      wire = new Wire(this.#options.seed * 10_000 + from * 100 + to);
      this.#wires.set(key, wire);
    }
    return wire;
  }

  /** Ends the connections between two nodes. */
  cut(how: 'fin' | 'reset', one: number, other: number): void {
    for (const proxy of this.#proxies) proxy.cut(how, this.wire(one, other));
  }

  /** Every direction between the one side and the other. @returns heals it. */
  part(one: readonly number[], other: readonly number[], mode: WireMode = 'hold'): () => void {
    const wires = one.flatMap((from) => other.flatMap((to) => [this.wire(from, to), this.wire(to, from)]));
    return set(wires, mode);
  }

  /** One direction only. @returns heals it. */
  partOneWay(from: number, to: number, mode: WireMode = 'hold'): () => void {
    return set([this.wire(from, to)], mode);
  }

  /**
   * From now on, new connections between two nodes are on wires of their own.
   * @returns lets pass what the old ones hold.
   */
  detour(one: number, other: number): { release(): void } {
    const old = [this.wire(one, other), this.wire(other, one)];
    this.#wires.delete(`${one}>${other}`);
    this.#wires.delete(`${other}>${one}`);
    return {
      release: () => {
        for (const wire of old) wire.mode = 'pass';
      },
    };
  }

  /** Resets the connections between two nodes so that only `one` hears of it. */
  sever(one: number, other: number): void {
    this.proxy(one).cut('reset', this.wire(one, other), 'far');
    this.proxy(other).cut('reset', this.wire(one, other), 'near');
  }

  /** Bits that were flipped so far, by direction. */
  flips(): { readonly from: number; readonly to: number; readonly count: number }[] {
    return [...this.#wires].map(([key, { flips }]) => {
      const [from = Number.NaN, to = Number.NaN] = key.split('>').map(Number);
      return { from, to, count: flips };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
  }

  #before(node: number): Promise<FaultProxy> {
    const { seed, to, host = '127.0.0.1' } = this.#options;
    return FaultProxy.start({
      to: () => to(node),
      seed: seed + node,
      host,
      // The first frame of who dials has its name.
      identify: (first) => {
        const dialler = /n(\d+)@/.exec(first.toString('latin1'))?.[1];
        if (dialler === undefined) return undefined;
        return { up: this.wire(Number(dialler), node), down: this.wire(node, Number(dialler)) };
      },
    });
  }
}

function set(wires: readonly Wire[], mode: WireMode): () => void {
  for (const wire of wires) wire.mode = mode;
  return () => {
    for (const wire of wires) wire.mode = 'pass';
  };
}
