/**
 * What is done to a simulated cluster: a list of steps, each with its time, drawn from a seed. The list and the seed
 * decide the whole run, so that a run that fails can be repeated with fewer and fewer of its steps.
 */
import { randomFrom } from '../../packages/scheduler/src/testing/random.js';

export type Place = 'home' | 1 | 2;

/** Of the load. `actor` and `to` are numbers of actors, which `spawn` gives. */
export type Load =
  | { readonly do: 'spawn'; readonly actor: number; readonly host: number; readonly place: Place }
  | { readonly do: 'subscribe' | 'subscribeReady' | 'unsubscribe'; readonly actor: number; readonly channel: string }
  | { readonly do: 'publish'; readonly actor: number; readonly channel: string; readonly bytes: number }
  | { readonly do: 'send'; readonly actor: number; readonly to: number; readonly bytes: number }
  /** Messages, the first a long one, in one turn; and where `ends`, the end in the same turn. */
  | { readonly do: 'talk'; readonly actor: number; readonly to: number; readonly bytes: number; readonly ends: boolean }
  /** Many monitors in one turn, more than the smallest budget of what must be delivered has room for. */
  | { readonly do: 'watchMuch'; readonly actor: number; readonly to: number }
  | { readonly do: 'exit' | 'kill'; readonly actor: number }
  | { readonly do: 'exitOther' | 'link' | 'unlink' | 'monitor'; readonly actor: number; readonly to: number }
  | { readonly do: 'call'; readonly actor: number; readonly host: number }
  | { readonly do: 'demonitor' | 'unregister'; readonly actor: number }
  | { readonly do: 'register'; readonly actor: number; readonly name: string }
  | { readonly do: 'sendName' | 'monitorName'; readonly actor: number; readonly name: string; readonly host: number };

/** How the ends of a lost connection get to know: soon, late, one of them not by itself. */
export type Loss = 'soon' | 'late' | 'half-open' | 'silent';

export type Fault =
  | { readonly do: 'lose'; readonly host: number; readonly other: number; readonly how: Loss }
  /** From `hosts` to all others; both directions where `oneWay` is false. */
  | { readonly do: 'partition'; readonly hosts: readonly number[]; readonly oneWay: boolean; readonly ms: number }
  /** Only these two cannot reach one another. */
  | { readonly do: 'bridge'; readonly host: number; readonly other: number; readonly ms: number }
  | {
      readonly do: 'slow';
      readonly host: number;
      readonly other: number;
      readonly delayMs: number;
      readonly ms: number;
    }
  /** All threads of a node, or its home, or one thread. */
  | { readonly do: 'freeze'; readonly host: number; readonly thread: number | 'all'; readonly ms: number }
  /** It comes back under its name after `ms`, or at the end where that is later. */
  | { readonly do: 'crash'; readonly host: number; readonly how: Loss; readonly ms: number }
  | { readonly do: 'stop'; readonly host: number; readonly ms: number }
  | { readonly do: 'loseThread'; readonly host: number; readonly place: 1 | 2 }
  | { readonly do: 'jump'; readonly host: number; readonly ms: number };

export type Step = { readonly at: number } & (Load | Fault);

export interface Plan {
  readonly seed: number;
  readonly hosts: number;
  readonly threads: number;
  /** Whether every host knows all others, or only the first. */
  readonly isMeshKnown: boolean;
  /** Bytes of messages that may wait for a peer; undefined for the default, here and below. */
  readonly dataBudget: number | undefined;
  /** Bytes that may wait for a peer of what must be delivered. */
  readonly controlBudget: number | undefined;
  /** Bytes of updates of groups that may wait for a peer above that, or are dropped, and found missing later. */
  readonly heldBudget: number | undefined;
  /** When the faults end, in ms from the start. */
  readonly endMs: number;
  readonly steps: readonly Step[];
}

export const CHANNELS = ['x', 'y'];
export const NAMES = ['one', 'two'];

/** How often each kind of load is drawn. */
const LOAD: Readonly<Record<Load['do'], number>> = {
  spawn: 8,
  subscribe: 10,
  subscribeReady: 4,
  unsubscribe: 8,
  publish: 16,
  send: 10,
  talk: 8,
  exit: 3,
  kill: 2,
  exitOther: 2,
  link: 6,
  unlink: 2,
  monitor: 8,
  watchMuch: 2,
  demonitor: 2,
  call: 4,
  register: 4,
  unregister: 1,
  sendName: 3,
  monitorName: 3,
};

const FAULTS: Readonly<Record<Fault['do'], number>> = {
  lose: 10,
  partition: 6,
  bridge: 4,
  slow: 2,
  freeze: 6,
  crash: 8,
  stop: 2,
  loseThread: 3,
  jump: 1,
};

class Draw {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
  }

  below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  of<T>(...all: readonly T[]): T {
    return all[this.below(all.length)] as T;
  }

  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const all = Object.entries(weights) as [K, number][];
    let left = this.#random() * all.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [kind, weight] of all) {
      left -= weight;
      if (left < 0) return kind;
    }
    return (all[0] as [K, number])[0];
  }
}

/** The run that a seed stands for. */
export function planOf(seed: number): Plan {
  const draw = new Draw(Math.imul(seed, 0x9e3779b1));
  const hosts = draw.of(2, 2, 3, 3, 3, 4);
  const threads = draw.of(1, 1, 2);
  const endMs = draw.of(1_500, 3_000, 5_000);
  const steps: Step[] = [];
  let actors = 0;
  const spawn = (at: number, host: number): void => {
    const place = draw.of<Place>('home', 1, threads === 2 ? 2 : 1);
    steps.push({ at, do: 'spawn', actor: actors++, host, place });
  };
  for (let host = 0; host < hosts; host++) {
    spawn(draw.below(50), host);
    steps.push({ at: 60 + draw.below(100), do: 'subscribe', actor: host, channel: draw.of(...CHANNELS) });
  }
  const actor = (): number => draw.below(actors);
  const time = (): number => draw.below(endMs);
  for (let left = 15 + draw.below(35); left > 0; left--) {
    const kind = draw.weighted(LOAD);
    if (kind === 'spawn') spawn(time(), draw.below(hosts));
    else steps.push({ at: draw.below(4) === 0 ? (steps.at(-1)?.at ?? 0) : time(), ...load(draw, kind, actor, hosts) });
  }
  for (let left = draw.below(8); left > 0; left--) {
    steps.push({ at: time(), ...fault(draw, hosts, threads) });
  }
  steps.sort((one, other) => one.at - other.at);
  return {
    seed,
    hosts,
    threads,
    isMeshKnown: draw.below(2) === 0,
    dataBudget: draw.of(undefined, undefined, 2_000),
    controlBudget: draw.of(undefined, undefined, undefined, 600),
    heldBudget: draw.of(undefined, undefined, 1),
    endMs,
    steps,
  };
}

function load(draw: Draw, kind: Exclude<Load['do'], 'spawn'>, actor: () => number, hosts: number): Load {
  const one = actor();
  switch (kind) {
    case 'subscribe':
    case 'subscribeReady':
    case 'unsubscribe':
      return { do: kind, actor: one, channel: draw.of(...CHANNELS) };
    case 'publish':
      return { do: kind, actor: one, channel: draw.of(...CHANNELS), bytes: draw.of(1, 1, 1, 300, 3_000) };
    case 'send':
      return { do: kind, actor: one, to: actor(), bytes: draw.of(1, 1, 1, 300, 3_000, 100_000) };
    case 'talk':
      return {
        do: kind,
        actor: one,
        to: actor(),
        bytes: draw.of(1, 3_000, 100_000, 100_000),
        ends: draw.below(2) === 0,
      };
    case 'exit':
    case 'kill':
    case 'demonitor':
    case 'unregister':
      return { do: kind, actor: one };
    case 'exitOther':
    case 'link':
    case 'unlink':
    case 'monitor':
    case 'watchMuch':
      return { do: kind, actor: one, to: actor() };
    case 'call':
      return { do: kind, actor: one, host: draw.below(hosts) };
    case 'register':
      return { do: kind, actor: one, name: draw.of(...NAMES) };
    case 'sendName':
    case 'monitorName':
      return { do: kind, actor: one, name: draw.of(...NAMES), host: draw.below(hosts) };
    default:
      return kind satisfies never;
  }
}

function fault(draw: Draw, hosts: number, threads: number): Fault {
  const host = draw.below(hosts);
  const other = (host + 1 + draw.below(hosts - 1)) % hosts;
  const kind = draw.weighted(FAULTS);
  const ms = draw.of(50, 300, 1_000, 3_000);
  const how = draw.of<Loss>('soon', 'late', 'half-open', 'silent');
  switch (kind) {
    case 'lose':
      return { do: kind, host, other, how };
    case 'partition':
      return { do: kind, hosts: [host], oneWay: draw.below(3) === 0, ms };
    case 'bridge':
      return { do: kind, host, other, ms };
    case 'slow':
      return { do: kind, host, other, delayMs: draw.of(50, 200, 600), ms };
    case 'freeze':
      return { do: kind, host, thread: draw.of<number | 'all'>('all', 0, 1), ms };
    case 'crash':
      return { do: kind, host, how, ms: draw.of(0, 5, 100, 1_000) };
    case 'stop':
      return { do: kind, host, ms: draw.of(0, 100, 1_000) };
    case 'loseThread':
      return { do: kind, host, place: threads === 2 ? draw.of<1 | 2>(1, 2) : 1 };
    case 'jump':
      return { do: kind, host, ms: draw.of(-3_600_000, -100, 3_600_000) };
    default:
      return kind satisfies never;
  }
}

/** A step as a line that a reader understands, and that can be put into a list of regression cases. */
export function printPlan({ steps, ...settings }: Plan): string {
  return [JSON.stringify(settings), ...steps.map((step) => `  ${JSON.stringify(step)}`)].join('\n');
}
