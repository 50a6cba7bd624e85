import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NameWorld, type WorldNode } from './name-world.js';

const KEY = 'nleader';

function meshOf(...names: string[]): NameWorld {
  const world = new NameWorld(names);
  world.connectAll();
  world.settle();
  return world;
}

describe('registering', () => {
  test('succeeds once everybody has agreed, and then everybody knows', () => {
    const world = meshOf('a', 'b', 'c');
    const { nodes } = world;
    let seen: unknown;
    world.onHeld = (_node, key, pid) => {
      seen = nodes.map(({ listed }) => listed[key] === pid);
    };
    const request = world.register(world.node('c'), KEY);
    expect(world.outcome(request)).toEqual([]);
    world.settle();
    expect(world.outcome(request)).toEqual(['held']);
    expect(seen).toEqual([true, true, true]);
  });

  test('is refused where another has the name, and its holder stays', () => {
    const world = meshOf('a', 'b', 'c');
    world.register(world.node('b'), KEY);
    world.settle();
    const [held] = Object.values(world.node('a').listed);
    const refused = ['a', 'b', 'c'].map((name) => world.register(world.node(name), KEY));
    world.settle();
    expect(refused.flatMap((request) => world.outcome(request))).toEqual(['taken', 'taken', 'taken']);
    for (const { listed } of world.nodes) expect(listed).toEqual({ [KEY]: held });
  });

  test('again by the same process succeeds at once', () => {
    const world = meshOf('a', 'b');
    const node = world.node('b');
    const pid = node.spawn();
    world.register(node, KEY, pid);
    world.settle();
    expect(world.outcome(world.register(node, KEY, pid))).toEqual(['held']);
  });

  test('asks whether a holder lives before it is refused, so that word of its end is never late', () => {
    const world = meshOf('a', 'b', 'c');
    const holder = world.node('b').spawn();
    world.register(world.node('b'), KEY, holder);
    world.settle();
    // It has ended, and its own node has not heard of that.
    world.node('b').alive.delete(holder);
    const next = world.register(world.node('c'), KEY);
    world.settle();
    expect(world.outcome(next)).toEqual(['held']);
  });

  test('goes on with the next node where the one that decides is lost', () => {
    const world = meshOf('a', 'b', 'c');
    const request = world.register(world.node('c'), KEY);
    for (const other of ['b', 'c']) world.cut(world.node('a'), world.node(other));
    world.settle();
    expect(world.outcome(request)).toEqual(['held']);
    expect(world.node('b').listed).toEqual(world.node('c').listed);
  });

  test('waits for nobody that is lost, and settles once', () => {
    const world = meshOf('a', 'b');
    const request = world.register(world.node('a'), KEY);
    world.cut(world.node('a'), world.node('b'));
    world.settle();
    expect(world.outcome(request)).toEqual(['held']);
  });

  test('that takes too long is taken back everywhere', () => {
    for (const stopAt of [0, 1, 2, 3]) {
      const world = meshOf('a', 'b', 'c');
      const node = world.node('c');
      const request = world.register(node, KEY);
      for (let step = 0; step < stopAt; step++) world.possible[0]?.();
      world.step(node, { type: 'timeout', request });
      world.settle();
      expect(world.outcome(request)).toEqual(['timeout']);
      for (const { listed, state } of world.nodes) expect([listed, state.isQuiet]).toEqual([{}, true]);
      const next = world.register(world.node('b'), KEY);
      world.settle();
      expect(world.outcome(next)).toEqual(['held']);
    }
  });

  test('is bounded, for each node and for what a peer may claim', () => {
    const world = new NameWorld(['a', 'b'], { maxNames: 2 });
    world.connectAll();
    world.settle();
    const outcomes = ['n1', 'n2', 'n3'].map((key) => {
      const request = world.register(world.node('b'), key);
      world.settle();
      return world.outcome(request)[0];
    });
    expect(outcomes).toEqual(['held', 'held', 'limit']);
    const peer = 0;
    const claim = { key: 'n4', pid: world.node('b').spawn(), time: 5, held: true };
    const effects = world
      .node('a')
      .state.step({ type: 'heard', peer, message: { type: 'claim', request: 9, claim } }, 0);
    expect(effects).toEqual([
      { type: 'ignored', reason: 'too many names' },
      { type: 'send', peer, message: { type: 'claimed', request: 9, agreed: false } },
    ]);
  });
});

describe('a name is free again', () => {
  test.each([
    [
      'when its holder ends',
      (world: NameWorld, node: WorldNode) => world.end(node, Object.values(node.listed)[0] as never),
    ],
    [
      'when its holder gives it up',
      (world: NameWorld, node: WorldNode) =>
        world.step(node, { type: 'unregister', key: KEY, pid: Object.values(node.listed)[0] as never }),
    ],
    [
      'when the node of its holder is lost',
      (world: NameWorld, node: WorldNode) => {
        for (const other of world.nodes) if (other !== node) world.cut(node, other);
      },
    ],
  ])('%s', (_, lose) => {
    const world = meshOf('a', 'b', 'c');
    world.register(world.node('c'), KEY);
    world.settle();
    lose(world, world.node('c'));
    world.settle();
    for (const name of ['a', 'b']) expect(world.node(name).listed).toEqual({});
    const next = world.register(world.node('b'), KEY);
    world.settle();
    expect(world.outcome(next)).toEqual(['held']);
  });
});

describe('two partitions that have given one name to two processes', () => {
  function healed(conflict: ConstructorParameters<typeof NameWorld>[1] & object) {
    const world = new NameWorld(['a', 'b', 'c', 'd'], conflict);
    const [a, b, c, d] = world.nodes as [WorldNode, WorldNode, WorldNode, WorldNode];
    world.connect(a, b);
    world.connect(c, d);
    world.settle();
    const older = d.spawn();
    world.register(d, KEY, older);
    world.settle();
    const younger = a.spawn();
    world.register(a, KEY, younger);
    world.settle();
    expect([b.listed, c.listed]).toEqual([{ [KEY]: younger }, { [KEY]: older }]);
    world.connectAll();
    world.settle();
    return { world, a, d, older, younger };
  }

  test('conformance X4: agree on the older when they heal, and the younger is told', () => {
    const { world, a, d, older, younger } = healed({});
    for (const { listed, state } of world.nodes) expect([listed, state.isQuiet]).toEqual([{ [KEY]: older }, true]);
    expect([a.lost, d.lost]).toEqual([[{ key: KEY, pid: younger, keeper: older }], []]);
    expect([a.alive.has(younger), d.alive.has(older)]).toEqual([false, true]);
  });

  test('may tell the younger and let it live, or leave the name to nobody', () => {
    const notify = healed({ conflict: 'notify' });
    expect(notify.a.alive.has(notify.younger)).toBe(true);
    expect(notify.world.node('b').listed).toEqual({ [KEY]: notify.older });
    const none = healed({ conflict: 'notify_all' });
    for (const { listed } of none.world.nodes) expect(listed).toEqual({});
    expect([none.a.lost, none.d.lost]).toEqual([
      [{ key: KEY, pid: none.younger, keeper: undefined }],
      [{ key: KEY, pid: none.older, keeper: undefined }],
    ]);
  });

  test('ask a function of the program, with the older first; one that throws is as none', () => {
    const asked: unknown[] = [];
    const { world, a, d, older, younger } = healed({
      conflict: (name, ...both) => {
        asked.push([name, ...both.map(({ pid, node }) => [pid, node])]);
        return { keep: 'younger', loser: 'notify' };
      },
    });
    const seen = ['leader', [older, d.name], [younger, a.name]];
    expect(asked).toEqual([seen, seen]);
    for (const { listed } of world.nodes) expect(listed).toEqual({ [KEY]: younger });
    const failing = healed({
      conflict: () => {
        throw new Error('no idea');
      },
    });
    for (const { listed } of failing.world.nodes) expect(listed).toEqual({ [KEY]: failing.older });
  });
});

/** A seeded choice, from 0 to `count` - 1. */
function chooser(seed: number): (count: number) => number {
  let state = seed >>> 0;
  return (count) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % count;
  };
}

const KEYS = ['nx', 'ny', 'lz'];

/** Registers, ends and gives up at random, and breaks and heals where `faults`. */
function play(world: NameWorld, choose: (count: number) => number, faults: boolean, steps: number): void {
  const pick = <T>(all: readonly T[]): T => all[choose(all.length)] as T;
  for (let step = 0; step < steps; step++) {
    const node = pick(world.nodes);
    const other = pick(world.nodes);
    const pids = [...node.alive];
    const action = choose(faults ? 14 : 10);
    if (action < 2) world.register(node, pick(KEYS));
    else if (action === 2 && pids.length > 0) world.register(node, pick(KEYS), pick(pids));
    else if (action === 3 && pids.length > 0) world.end(node, pick(pids));
    else if (action === 4 && pids.length > 0)
      world.step(node, { type: 'unregister', key: pick(KEYS), pid: pick(pids) });
    else if (action === 5 && choose(4) === 0 && pids.length > 0) node.alive.delete(pick(pids));
    else if (action === 10 && node !== other) world.cut(node, other);
    else if (action === 11 && node !== other) world.connect(node, other);
    else if (action === 12) world.step(node, { type: 'timeout', request: choose(30) });
    else if (world.possible.length > 0) pick(world.possible)();
  }
}

const seeds = fc.integer({ min: 0, max: 0x7fffffff });

/** Processes that have ended without anybody having been told yet are told of now. */
function tellOfEnds(world: NameWorld): void {
  for (const node of world.nodes) {
    for (const { pid } of [...node.asked.values()]) if (!node.alive.has(pid)) world.step(node, { type: 'ended', pid });
  }
}

test('X2, X7: among nodes that stay connected a name has one holder, whom all know at that moment', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const choose = chooser(seed);
      const world = meshOf('a', 'b', 'c', 'd');
      world.onHeld = (node, key, pid) => {
        for (const { name, listed } of world.nodes) expect([name, listed[key]]).toEqual([name, pid]);
        for (const other of world.nodes) {
          if (other === node) continue;
          expect(other.state.claims.own.get(key)?.held).not.toBe(true);
        }
      };
      play(world, choose, false, 150);
      world.settle(choose);
      for (const { lost, outcomes } of world.nodes) {
        expect(lost).toEqual([]);
        for (const settled of outcomes.values()) expect(settled).toHaveLength(1);
      }
    }),
    { numRuns: 400 },
  );
});

test('X3, X4, X5: whatever breaks and heals, all nodes come to agree on one living holder, and every registration has ended once', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const choose = chooser(seed);
      const world = new NameWorld(['a', 'b', 'c', 'd']);
      for (const a of world.nodes) for (const b of world.nodes) if (a !== b && choose(3) > 0) world.connect(a, b);
      play(world, choose, true, 200);
      world.settle(choose);
      tellOfEnds(world);
      world.connectAll();
      world.settle(choose);
      const [first, ...others] = world.nodes as [WorldNode, ...WorldNode[]];
      for (const other of others) expect(other.listed).toEqual(first.listed);
      for (const node of world.nodes) {
        expect(node.state.isQuiet).toBe(true);
        for (const settled of node.outcomes.values()) expect(settled).toHaveLength(1);
        for (const claim of node.state.claims.own.values()) {
          expect(claim.held).toBe(true);
          expect(node.alive.has(claim.pid)).toBe(true);
          expect(first.listed[claim.key]).toBe(claim.pid);
        }
        expect(new Set(node.lost.map(({ key, pid }) => key + pid)).size).toBe(node.lost.length);
      }
    }),
    { numRuns: 1_000 },
  );
});
