/** What a node was told at run time: whom to connect to, whom to stay away from, whose names to take. */
import { describe, expect, test } from 'vitest';
import { createCluster, names, sessionWith } from './cluster.js';

const HOUR = 3_600_000;

describe('a peer that was disconnected', () => {
  test('N15: is down as disconnected, stays so whoever dials, and is dialled again when told so by name', async () => {
    const { environment, start, warnings } = createCluster();
    const a = await start('a');
    const b = await start('b', { seeds: [a.address] });
    await environment.advance(5_000);
    const { id } = sessionWith(a, 'b');
    expect([a.disconnect('b@h'), a.disconnect('b@h')]).toEqual([true, false]);
    expect(a.events).toEqual(['up b@h', 'down b@h disconnected']);
    const dialled = a.counters.dialled;
    await environment.advance(HOUR);
    expect([a.events.length, b.events]).toEqual([2, ['up a@h', 'down a@h closed']]);
    expect([a.counters.dialled, a.peers()[0]?.state]).toEqual([dialled, 'disconnected']);
    expect(b.peers()).toEqual([expect.objectContaining({ state: 'waiting', lastFailure: 'disconnected' })]);
    expect(a.counters.handshakesRefused['disconnected']).toBe(b.counters.handshakesRefusedByPeer['disconnected']);
    expect(warnings).toEqual([]);
    a.connect('b@h');
    await environment.advance(0);
    expect([a.events.at(-1), names(b)]).toEqual(['up b@h', ['a@h']]);
    expect(sessionWith(a, 'b').id).toBeGreaterThan(id);
  });

  test('is connected again by an address at which it is met, also by one that was not known before', async () => {
    const { environment, start } = createCluster();
    const a = await start('a');
    const b = await start('b', { seeds: [a.address] });
    await environment.advance(5_000);
    a.disconnect('b@h');
    await environment.advance(1_000);
    a.connect(b.address);
    await environment.advance(0);
    expect(a.events.at(-1)).toBe('up b@h');
    a.disconnect('b@h');
    const stopped = b.stop();
    await environment.advance(1_000);
    await stopped;
    const moved = await start('b', { listen: { host: 'moved.example', port: 1 } });
    await environment.advance(60_000);
    expect(names(moved)).toEqual([]);
    a.connect('moved.example:1');
    await environment.advance(0);
    expect(names(moved)).toEqual(['a@h']);
  });

  test('is not learned again from others, while they go on with both', async () => {
    const { environment, start } = createCluster();
    const a = await start('a');
    const b = await start('b', { seeds: [a.address] });
    const c = await start('c', { seeds: [a.address] });
    await environment.advance(5_000);
    a.disconnect('b@h');
    await environment.advance(HOUR);
    expect([names(a), names(b), names(c)]).toEqual([['c@h'], ['c@h'], ['a@h', 'b@h']]);
    const d = await start('d', { seeds: [c.address] });
    await environment.advance(HOUR);
    expect([names(a), names(b), names(d)]).toEqual([
      ['c@h', 'd@h'],
      ['c@h', 'd@h'],
      ['a@h', 'b@h', 'c@h'],
    ]);
  });

  test('and that does not listen is taken again when told so by name', async () => {
    const { environment, start } = createCluster();
    const a = await start('a');
    const b = await start('b', { seeds: [a.address], listen: null });
    await environment.advance(5_000);
    a.disconnect('b@h');
    await environment.advance(60_000);
    expect(names(b)).toEqual([]);
    a.connect('b@h');
    await environment.advance(20_000);
    expect(names(b)).toEqual(['a@h']);
  });

  test('while its handshake is under way is refused at its end', async () => {
    const { environment, network, start } = createCluster();
    const b = await start('b');
    const a = await start('a', { seeds: [b.address] });
    network.silence(b.address);
    await environment.advance(0);
    a.disconnect('b@h');
    network.restore(b.address);
    await environment.advance(60_000);
    expect([a.events, names(b), a.peers()[0]?.state]).toEqual([[], [], 'disconnected']);
  });

  test('can be told by its address, which is then no seed any more; a name or an address that is none is refused', async () => {
    const { environment, network, start } = createCluster();
    const b = await start('b');
    const a = await start('a', { seeds: [b.address, 'nobody.example:1'] });
    await environment.advance(5_000);
    expect([a.disconnect(b.address), a.disconnect('nobody.example:1')]).toEqual([true, false]);
    await environment.advance(HOUR);
    expect([a.events.at(-1), a.peers(), network.connections]).toEqual(['down b@h disconnected', [], 0]);
    for (const wrong of ['', 'a b@h', 'x', 'x:0']) {
      expect(() => a.connect(wrong)).toThrow(TypeError);
      expect(() => a.disconnect(wrong)).toThrow(TypeError);
    }
  });
});

describe('a node that takes certain names only', () => {
  test('refuses others once they have proved themselves, says so and counts it, and takes those that fit', async () => {
    const { environment, start, warnings } = createCluster();
    const a = await start('a', { allow: ['b@*', 'shop-*@h'] });
    const [b, c, d] = [
      await start('b', { seeds: [a.address] }),
      await start('c', { seeds: [a.address] }),
      await start('shop-1', { seeds: [a.address], dialLearned: false }),
    ];
    await environment.advance(60_000);
    expect([names(a), names(c)]).toEqual([['b@h', 'shop-1@h'], []]);
    expect(c.peers()[0]).toMatchObject({ state: 'waiting', lastFailure: 'not allowed' });
    expect(a.counters.handshakesRefused).toEqual({ 'not allowed': c.counters.handshakesRefusedByPeer['not allowed'] });
    expect(warnings.filter((line) => line.includes('a@h does not take c@h')).length).toBeGreaterThan(0);
    expect([names(b), names(d)]).toEqual([
      ['a@h', 'shop-1@h'],
      ['a@h', 'b@h'],
    ]);
  });

  test('tells nothing to whoever has another cookie', async () => {
    const { environment, start } = createCluster();
    const a = await start('a', { allow: ['b@h'] });
    await start('c', { seeds: [a.address], cookie: 'another' });
    await environment.advance(0);
    expect(a.counters.handshakesRefused).toEqual({ cookie: 1 });
  });

  test('neither proves itself to others nor dials where they are said to be', async () => {
    const { environment, start } = createCluster();
    const c = await start('c');
    const b = await start('b', { seeds: [c.address] });
    const a = await start('a', { allow: ['b@h'], seeds: [b.address], listen: null });
    await environment.advance(HOUR);
    expect([names(a), a.counters.dialled, a.counters.addressesIgnored]).toEqual([['b@h'], 1, { 'not allowed': 1 }]);
    const e = await start('e', { allow: [`b@h`], seeds: [c.address] });
    await environment.advance(0);
    expect([e.counters.handshakesRefused, c.counters.handshakesRefusedByPeer]).toEqual([
      { 'not allowed': 1 },
      { 'not allowed': 1 },
    ]);
  });

  test('refuses a pattern that is none by the name of its option', async () => {
    const { start } = createCluster();
    await expect(start('a', { allow: ['(x+)+@h'] })).rejects.toMatchObject({ option: 'allow' });
  });
});
