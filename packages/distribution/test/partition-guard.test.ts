/** Overlapping partitions with all of distribution, on the network in memory: a bridge of three and of four nodes. */
import type { NodeName } from '@liminal-node/scheduler';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeMissing, encodeMissing } from '../src/missing-message.js';
import type { DistributionOptions } from '../src/options.js';
import type { Connection, Transport } from '../src/transport.js';
import { createCluster, names, nodeName, type TestNode } from './cluster.js';

/** Nodes that know one another and cannot dial each other where a way between the two is cut. */
async function parted(count: number, options: Partial<DistributionOptions> = {}) {
  const { environment, network, warnings, start } = createCluster(7);
  const cuts = new Set<string>();
  const open = new Map<string, Set<Connection>>();
  const owners = new Map<number, string>();
  const pairOf = (one: string, other: string): string => [one, other].sort().join('');
  const transportOf = (from: string): Transport => ({
    listen: async (...args) => {
      const listener = await network.transport.listen(...args);
      owners.set(listener.port, from);
      return listener;
    },
    dial: (host, port, handlers) => {
      const pair = pairOf(from, owners.get(port) ?? '');
      if (cuts.has(pair)) throw new Error('no way there');
      const connections = open.get(pair) ?? new Set();
      open.set(pair, connections);
      const connection = network.transport.dial(host, port, handlers);
      connections.add(connection);
      return connection;
    },
  });
  const nodes: Record<string, TestNode> = {};
  let seeds: string[] = [];
  const add = async (name: string, more: Partial<DistributionOptions> = {}): Promise<TestNode> => {
    const node = await start(name, { transport: transportOf(name), seeds, ...options, ...more });
    nodes[name] = node;
    seeds = [...seeds, node.address];
    return node;
  };
  for (const name of [...'abcd'].slice(0, count)) await add(name);
  await environment.advance(1_000);
  return {
    environment,
    warnings,
    nodes,
    add,
    cut: (...pairs: string[]) => {
      for (const pair of pairs) {
        cuts.add(pair);
        for (const connection of open.get(pair) ?? []) connection.destroy();
      }
    },
    heal: (...pairs: string[]) => {
      for (const pair of pairs) cuts.delete(pair);
    },
    /** Whom each node is connected to, by first letters. */
    mesh: () => Object.fromEntries(Object.entries(nodes).map(([name, node]) => [name, lettersOf(names(node))])),
    stop: async () => {
      const stopped = Promise.all(Object.values(nodes).map((node) => node.stop()));
      await environment.advance(2_000);
      await stopped;
      expect(environment.timers).toBe(0);
    },
  };
}

const lettersOf = (all: readonly string[]): string => all.map((name) => name[0]).join('');

describe('nodes of which some cannot reach each other', () => {
  test('N27: of a bridge of three the last one by name is held apart, told why once, and taken back when it can reach all', async () => {
    const { environment, warnings, nodes, cut, heal, mesh, stop } = await parted(3);
    const { a, b, c } = nodes as { a: TestNode; b: TestNode; c: TestNode };
    expect(mesh()).toEqual({ a: 'bc', b: 'ac', c: 'ab' });
    cut('ac');
    await environment.advance(10_000);
    expect(mesh()).toEqual({ a: 'b', b: 'ac', c: 'b' });
    await environment.advance(10_000);
    expect(mesh()).toEqual({ a: 'b', b: 'a', c: '' });
    expect(b.events.at(-1)).toBe('down c@h overlapping partitions');
    expect(c.events.at(-1)).toBe('down b@h closed by the peer');
    await environment.advance(120_000);
    // Nobody was taken for a moment in between.
    expect([mesh(), b.events.length]).toEqual([{ a: 'b', b: 'a', c: '' }, 3]);
    expect(b.counters.parted).toEqual({ shed: 1 });
    expect(b.counters.handshakesRefused['apart']).toBeGreaterThan(5);
    expect(warnings.filter((line) => line.includes('this node keeps a@h'))).toHaveLength(1);
    heal('ac');
    await environment.advance(15_000);
    expect(mesh()).toEqual({ a: 'bc', b: 'ac', c: 'ab' });
    await environment.advance(60_000);
    expect(b.counters.parted).toEqual({ shed: 1, 'taken again': 1 });
    expect([a.events.at(-1), b.events.at(-1)]).toEqual(['up c@h', 'up c@h']);
    await stop();
  });

  test('N27: of four, of which one pair lost each other, all others keep the same one', async () => {
    const { environment, nodes, cut, heal, mesh, stop } = await parted(4);
    cut('bd');
    await environment.advance(60_000);
    expect(mesh()).toEqual({ a: 'bc', b: 'ac', c: 'ab', d: '' });
    expect([nodes['a'], nodes['c']].map((node) => node?.counters.parted)).toEqual([{ shed: 1 }, { shed: 1 }]);
    heal('bd');
    await environment.advance(30_000);
    expect(mesh()).toEqual({ a: 'bcd', b: 'acd', c: 'abd', d: 'abc' });
    await stop();
  });

  test('N27: a bridge of four is two pairs or a pair and two, and never overlaps; whole again after the heal', async () => {
    const { environment, cut, heal, mesh, stop } = await parted(4);
    cut('ac', 'ad', 'bd');
    await environment.advance(120_000);
    expect(mesh()).toEqual({ a: 'b', b: 'a', c: 'd', d: 'c' });
    heal('ac', 'ad', 'bd');
    await environment.advance(60_000);
    expect(mesh()).toEqual({ a: 'bcd', b: 'acd', c: 'abd', d: 'abc' });
    await stop();
  });

  test('a newcomer that not all can reach is held apart, and does not harm those that were there', async () => {
    const { environment, nodes, add, cut, heal, mesh, stop } = await parted(2);
    cut('ac');
    await add('c');
    await environment.advance(60_000);
    expect(mesh()).toEqual({ a: 'b', b: 'a', c: '' });
    expect(nodes['a']?.events).toEqual(['up b@h']);
    heal('ac');
    await environment.advance(30_000);
    expect(mesh()).toEqual({ a: 'bc', b: 'ac', c: 'ab' });
    await stop();
  });

  test('N27: whoever comes back is told anew of whom the others miss', async () => {
    const { environment, cut, heal, mesh, stop } = await parted(3);
    cut('ac');
    await environment.advance(9_000);
    cut('bc');
    heal('bc');
    await environment.advance(20_000);
    expect(mesh()).toEqual({ a: 'b', b: 'a', c: '' });
    await stop();
  });

  test('a connection that is back within seconds costs nobody anything', async () => {
    const { environment, nodes, cut, heal, mesh, stop } = await parted(3);
    for (let round = 0; round < 10; round++) {
      cut('ac');
      await environment.advance(3_000);
      heal('ac');
      await environment.advance(12_000);
    }
    expect(mesh()).toEqual({ a: 'bc', b: 'ac', c: 'ab' });
    expect(nodes['b']?.events).toHaveLength(2);
    await stop();
  });

  test('when the node is gone that could not reach it, one that was held apart is taken', async () => {
    const { environment, nodes, cut, mesh, stop } = await parted(3);
    cut('ac');
    await environment.advance(30_000);
    const gone = nodes['a']?.stop();
    await environment.advance(20_000);
    await gone;
    expect(mesh()).toEqual({ a: '', b: 'c', c: 'b' });
    await stop();
  });

  test('where it is off, a bridge stays; so does one of hidden nodes, which are no members', async () => {
    for (const [own, third] of [
      [{ preventOverlappingPartitions: false }, {}],
      [{}, { hidden: true }],
    ]) {
      const { environment, add, cut, mesh, stop } = await parted(2, own);
      await add('c', third);
      await environment.advance(1_000);
      cut('ac');
      await environment.advance(120_000);
      expect(mesh()).toEqual({ a: 'b', b: 'ac', c: 'b' });
      await stop();
    }
  });

  test('what is no list of nodes is a protocol error, and any list reads back', () => {
    const name = fc.stringMatching(/^[a-z]{1,8}$/).map(nodeName);
    fc.assert(
      fc.property(fc.array(name), fc.array(name), (missed, apart) => {
        expect(decodeMissing(encodeMissing({ missed, apart }))).toEqual({ missed, apart });
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          decodeMissing(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_LIMINAL_PROTOCOL' });
        }
      }),
    );
    expect(() => decodeMissing(encodeMissing({ missed: ['no name' as NodeName], apart: [] }))).toThrow(
      /without a name/,
    );
    const many = Buffer.from([0xff, 0xff]);
    expect(() => decodeMissing(many)).toThrow(/65535 missing nodes/);
  });
});
