import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Candidate, decideInstall } from '../src/install.js';

const [t1, t2, none] = [Uint8Array.of(1), Uint8Array.of(2), new Uint8Array(0)];

const candidate = (more: Partial<Candidate>): Candidate => ({
  dialledByUs: false,
  self: 'b@h',
  peer: 'a@h',
  peerCreation: 1,
  peerLost: t2,
  ownProofPending: false,
  live: undefined,
  ...more,
});

describe('the install decision', () => {
  test('installs where there is no session', () => {
    expect(decideInstall(candidate({}))).toBe('install');
    expect(decideInstall(candidate({ dialledByUs: true, ownProofPending: true, peerLost: none }))).toBe('install');
  });

  test('of two nodes that wait for each other, only the greater refuses', () => {
    expect(decideInstall(candidate({ ownProofPending: true }))).toBe('duplicate');
    expect(decideInstall(candidate({ ownProofPending: true, self: 'a@h', peer: 'b@h' }))).toBe('install');
  });

  test('replaces another life of the peer, whoever dialled and whatever the names', () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        (dialledByUs, liveByUs, ownProofPending, swap) => {
          const names = swap ? { self: 'a@h', peer: 'b@h' } : {};
          const live = { creation: 2, dialledByUs: liveByUs, token: t1 };
          expect(decideInstall(candidate({ ...names, dialledByUs, ownProofPending, live }))).toBe('replace');
        },
      ),
    );
  });

  test('replaces a session that the peer says it lost, and one that the same node dialled before', () => {
    const live = { creation: 1, dialledByUs: true, token: t1 };
    expect(decideInstall(candidate({ live, peerLost: t1 }))).toBe('replace');
    expect(decideInstall(candidate({ live, peerLost: t2 }))).toBe('duplicate');
    expect(decideInstall(candidate({ live: { ...live, dialledByUs: false } }))).toBe('replace');
  });

  test('both ends prefer the same one of two crossing connections', () => {
    const live = { creation: 1, token: t1 };
    fc.assert(
      fc.property(fc.constantFrom('a@h', 'b@h'), fc.constantFrom('a@h', 'b@h'), (self, dialler) => {
        const peer = self === 'a@h' ? 'b@h' : 'a@h';
        const byUs = dialler === self;
        const decision = decideInstall(
          candidate({ self, peer, dialledByUs: byUs, live: { ...live, dialledByUs: !byUs } }),
        );
        expect(decision).toBe(dialler === 'b@h' ? 'replace' : 'duplicate');
      }),
    );
  });
});

/** A connection in the model: two FIFO directions; nothing arrives at an end behind `closed`. */
interface Wire {
  readonly id: number;
  readonly dialler: Name;
  readonly toAcceptor: string[];
  readonly toDialler: string[];
  readonly lost: Uint8Array[];
  /** The ends that have learned that it is over. */
  readonly closed: Set<boolean>;
  /** Nothing passes any more; an end that has not learned of it believes that all is well. */
  severed: boolean;
}
type Name = 'a' | 'b';
interface Live {
  readonly wire: number;
  readonly dialledByUs: boolean;
  readonly creation: number;
  readonly token: Uint8Array;
}
interface ModelNode {
  live: Live | undefined;
  last: Uint8Array;
  /** Dials under way: whether the proof is sent. */
  readonly dials: Map<number, boolean>;
  readonly log: string[];
}

/**
 * Two nodes that dial each other whenever they have no session, over a network that delivers in any order
 * between connections and breaks any of them at any time. Mirrors what `admission.ts` does around the decision.
 */
class Model {
  readonly nodes: Record<Name, ModelNode> = {
    a: { live: undefined, last: none, dials: new Map(), log: [] },
    b: { live: undefined, last: none, dials: new Map(), log: [] },
  };
  readonly wires = new Map<number, Wire>();
  #next = 1;

  dial(name: Name): void {
    const node = this.nodes[name];
    if (node.live !== undefined || node.dials.size >= 2) return;
    const id = this.#next++;
    node.dials.set(id, false);
    this.wires.set(id, {
      id,
      dialler: name,
      toAcceptor: ['hello'],
      toDialler: [],
      lost: [],
      closed: new Set(),
      severed: false,
    });
  }

  /** Both ends learn of it behind what was sent before. */
  break(id: number): void {
    const wire = this.wires.get(id);
    wire?.toAcceptor.push('closed');
    wire?.toDialler.push('closed');
  }

  /** Only one end learns of it: the other would have to wait for its heartbeat. */
  sever(id: number, acceptorLearns: boolean): void {
    const wire = this.wires.get(id);
    if (wire === undefined || wire.severed) return;
    wire.severed = true;
    const self = acceptorLearns === (wire.dialler === 'a') ? 'b' : 'a';
    this.#closed(self, wire);
  }

  /** Handshakes that cannot go on are given up. */
  deadline(): void {
    for (const wire of this.wires.values()) if (wire.severed) this.nodes[wire.dialler].dials.delete(wire.id);
  }

  /** Quiet: everything arrives, in an order that `pick` decides, and who has no session dials again. */
  settle(pick: () => number): void {
    for (let rounds = 0; rounds < 20; rounds++) {
      this.deadline();
      for (const name of ['a', 'b'] as const) if (this.nodes[name].dials.size === 0) this.dial(name);
      while (!this.quiet) {
        const busy = [...this.wires.values()].filter((wire) => wire.toAcceptor.length + wire.toDialler.length > 0);
        const n = pick();
        const id = busy[n % busy.length]?.id ?? 0;
        this.deliver(id, n % 2 === 0);
        this.deliver(id, n % 2 !== 0);
      }
    }
  }

  deliver(id: number, toAcceptor: boolean): void {
    const wire = this.wires.get(id);
    if (wire === undefined) return;
    const queue = toAcceptor ? wire.toAcceptor : wire.toDialler;
    const message = queue.shift();
    if (message === undefined || wire.severed || wire.closed.has(toAcceptor)) return;
    if (message === 'closed') wire.closed.add(toAcceptor);
    const self = toAcceptor === (wire.dialler === 'a') ? 'b' : 'a';
    if (message === 'closed') this.#closed(self, wire);
    else if (toAcceptor) this.#atAcceptor(self, wire, message);
    else this.#atDialler(self, wire, message);
  }

  get quiet(): boolean {
    return [...this.wires.values()].every((wire) => wire.toAcceptor.length === 0 && wire.toDialler.length === 0);
  }

  #atAcceptor(self: Name, wire: Wire, message: string): void {
    const node = this.nodes[self];
    if (message === 'hello') wire.toDialler.push('challenge');
    if (message !== 'proof') return;
    const ownProofPending = [...node.dials.values()].includes(true);
    const decision = this.#decide(self, false, wire.lost[0] ?? none, ownProofPending);
    if (decision === 'duplicate') {
      wire.toDialler.push('refused', 'closed');
      return;
    }
    wire.toDialler.push('welcome');
    this.#install(self, wire, false);
  }

  #atDialler(self: Name, wire: Wire, message: string): void {
    const node = this.nodes[self];
    if (!node.dials.has(wire.id)) return;
    if (message === 'challenge') {
      const proving = [...node.dials.values()].includes(true);
      if (node.live !== undefined || proving) this.#leave(self, wire);
      else {
        node.dials.set(wire.id, true);
        wire.lost.push(node.last);
        wire.toAcceptor.push('proof');
      }
    } else if (message === 'refused') node.dials.delete(wire.id);
    else if (this.#decide(self, true, none, false) === 'duplicate') this.#leave(self, wire);
    else this.#install(self, wire, true);
  }

  #decide(self: Name, dialledByUs: boolean, peerLost: Uint8Array, ownProofPending: boolean): string {
    const { live } = this.nodes[self];
    const peer = self === 'a' ? 'b' : 'a';
    return decideInstall({ dialledByUs, self, peer, peerCreation: 1, peerLost, ownProofPending, live });
  }

  #install(self: Name, wire: Wire, dialledByUs: boolean): void {
    const node = this.nodes[self];
    node.dials.delete(wire.id);
    const old = node.live;
    if (old !== undefined) {
      node.log.push('down');
      const oldWire = this.wires.get(old.wire);
      (old.dialledByUs ? oldWire?.toAcceptor : oldWire?.toDialler)?.push('closed');
    }
    node.live = { wire: wire.id, dialledByUs, creation: 1, token: Uint8Array.of(wire.id, wire.id >> 8) };
    node.last = node.live.token;
    node.log.push('up');
  }

  #leave(self: Name, wire: Wire): void {
    this.nodes[self].dials.delete(wire.id);
    wire.toAcceptor.push('closed');
  }

  #closed(self: Name, wire: Wire): void {
    const node = this.nodes[self];
    node.dials.delete(wire.id);
    if (node.live?.wire !== wire.id) return;
    node.live = undefined;
    node.log.push('down');
  }
}

describe('two nodes whose dials cross', () => {
  const action = fc.oneof(
    { weight: 2, arbitrary: fc.record({ dial: fc.constantFrom<Name>('a', 'b') }) },
    { weight: 8, arbitrary: fc.record({ deliver: fc.nat(7), toAcceptor: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ break: fc.nat(7) }) },
    { weight: 1, arbitrary: fc.record({ sever: fc.nat(7), acceptorLearns: fc.boolean() }) },
  );

  test('end with one connection, the same on both ends, after any interleaving and any breaks', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120 }), fc.infiniteStream(fc.nat(1_000)), (actions, order) => {
        const model = new Model();
        const pick = (n: number): number => [...model.wires.keys()].at(-1 - (n % Math.max(1, model.wires.size))) ?? 0;
        for (const next of actions) {
          if ('dial' in next) model.dial(next.dial);
          else if ('sever' in next) model.sever(pick(next.sever), next.acceptorLearns);
          else if ('break' in next) model.break(pick(next.break));
          else model.deliver(pick(next.deliver), next.toAcceptor);
        }
        model.settle(() => order.next().value ?? 0);
        const { a, b } = model.nodes;
        expect(a.live?.wire).toBeDefined();
        expect(a.live?.wire).toBe(b.live?.wire);
        for (const { log } of [a, b])
          expect(log.every((event, at) => event === (at % 2 === 0 ? 'up' : 'down'))).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });

  test.each([
    ['a', true],
    ['a', false],
    ['b', true],
    ['b', false],
  ] as const)(
    'connected by the dial of %s, of which one end was lost (the acceptor: %s), connect anew',
    (dialler, acceptorLearns) => {
      const model = new Model();
      model.dial(dialler);
      model.settle(() => 0);
      expect([model.nodes.a.live?.wire, model.nodes.b.live?.wire]).toEqual([1, 1]);
      model.sever(1, acceptorLearns);
      model.settle(() => 0);
      expect(model.nodes.a.live?.wire).toBeGreaterThan(1);
      expect(model.nodes.a.live?.wire).toBe(model.nodes.b.live?.wire);
    },
  );

  test('need a single round where nothing breaks', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1), fc.boolean()), { maxLength: 40 }), (order) => {
        const model = new Model();
        model.dial('a');
        model.dial('b');
        for (const [wire, toAcceptor] of order) model.deliver(wire + 1, toAcceptor);
        while (!model.quiet) for (const id of [1, 2]) for (const way of [true, false]) model.deliver(id, way);
        const { a, b } = model.nodes;
        expect([a.live?.wire, a.log]).toEqual([b.live?.wire, b.log]);
        expect(a.log).toEqual(['up']);
      }),
      { numRuns: 2_000 },
    );
  });
});
