import type { NodeName } from '@liminal-node/scheduler';
import { describe, expect, test } from 'vitest';
import { encodeFrame } from '../src/frame.js';
import { FrameType } from '../src/frame-type.js';
import { encodePeers } from '../src/peers-message.js';
import type { ConnectionHandlers } from '../src/transport.js';
import { createCluster, names, nodeName, sessionWith, TEST_FRAME } from './cluster.js';

const HOUR = 3_600_000;
const deaf: ConnectionHandlers = { opened: () => {}, data: () => {}, closed: () => {} };

describe('nodes on a virtual clock', () => {
  test('connect, carry frames in order in both directions, and leave no timer when they stop (conformance N1)', async () => {
    const { environment, network, start } = createCluster();
    const a = await start('a');
    const b = await start('b', { seeds: [a.address] });
    await environment.advance(0);
    expect([a.events, b.events]).toEqual([['up b@h'], ['up a@h']]);
    for (const text of ['1', '2', '3']) {
      a.send(sessionWith(a, 'b'), TEST_FRAME, Buffer.from(text), 'data');
      b.send(sessionWith(b, 'a'), TEST_FRAME, Buffer.from(text), text === '2' ? 'signal' : 'data');
    }
    await environment.advance(0);
    expect([a.frames, b.frames]).toEqual([
      ['b@h:1', 'b@h:2', 'b@h:3'],
      ['a@h:1', 'a@h:2', 'a@h:3'],
    ]);
    await environment.advance(5_000);
    expect(sessionWith(a, 'b').roundTripMs).toBe(0);
    const stopped = Promise.all([a.stop(), a.stop(), b.stop()]);
    await environment.advance(0);
    await stopped;
    expect([environment.timers, network.connections]).toEqual([0, 0]);
    expect(a.events).toEqual(['up b@h', 'down b@h stopped']);
    expect(b.events).toEqual(['up a@h', expect.stringMatching(/^down a@h (stopped|closed)$/)]);
  });

  test('an idle node has no timers but the heartbeat and its write deadline', async () => {
    const { environment, start } = createCluster();
    const a = await start('a');
    await start('b', { seeds: [a.address] });
    await environment.advance(60_000);
    expect(environment.timers).toBeLessThanOrEqual(4);
  });

  test('a peer that falls silent is down within the timeout and one interval, and comes back with a new session (conformance N12)', async () => {
    const { environment, network, start } = createCluster();
    const patient = { writeTimeoutMs: HOUR };
    const a = await start('a', patient);
    const b = await start('b', { seeds: [a.address], ...patient });
    await environment.advance(20_000);
    expect(a.events).toEqual(['up b@h']);
    const first = sessionWith(b, 'a');
    network.silence(a.address);
    network.silence(b.address);
    await environment.advance(9_000);
    expect(a.events).toHaveLength(1);
    await environment.advance(3_500);
    expect([a.events, b.events]).toEqual([
      ['up b@h', 'down b@h silent'],
      ['up a@h', 'down a@h silent'],
    ]);
    network.restore(a.address);
    network.restore(b.address);
    await environment.advance(20_000);
    expect([a.events.at(-1), b.events.at(-1), names(a)]).toEqual(['up b@h', 'up a@h', ['b@h']]);
    expect(sessionWith(b, 'a').id).toBeGreaterThan(first.id);
  });

  test('a node whose own loop stalled holds the silence against nobody', async () => {
    const { environment, start, network } = createCluster();
    const a = await start('a');
    const b = await start('b', { seeds: [a.address] });
    await environment.advance(4_000);
    // Everything is late by more than the timeout, and the peer's bytes come after the timers have fired.
    network.silence(a.address);
    environment.stall(30_000);
    network.restore(a.address);
    await environment.advance(60_000);
    expect([a.events, b.events]).toEqual([['up b@h'], ['up a@h']]);
  });

  test('a peer that takes no bytes is down at the write deadline, and its queue is dropped and counted', async () => {
    const { environment, network, start } = createCluster();
    const quiet = { heartbeatIntervalMs: HOUR, heartbeatTimeoutMs: 2 * HOUR };
    const a = await start('a', quiet);
    const b = await start('b', { seeds: [a.address], ...quiet });
    await environment.advance(0);
    network.silence(a.address);
    const session = sessionWith(b, 'a');
    for (let i = 0; i < 5; i++) b.send(session, TEST_FRAME, Buffer.alloc(100), 'data');
    const flushed = b.flush();
    await environment.advance(9_999);
    expect(b.events).toEqual(['up a@h']);
    await environment.advance(2);
    expect(b.events).toEqual(['up a@h', 'down a@h write timeout']);
    // Of one write that the kernel has in part, for all that is known here.
    expect(b.counters.dropped).toEqual({});
    expect(b.counters.framesUncertain).toBe(5);
    expect(session.traffic).toEqual({ queued: 5, written: 0, dropped: 0, uncertain: 5 });
    await flushed;
    expect(b.send(session, TEST_FRAME, Buffer.alloc(1), 'data')).toBe('gone');
  });

  test('data over the budget is dropped and counted, and what was taken arrives', async () => {
    const { environment, start } = createCluster();
    const a = await start('a');
    const b = await start('b', { seeds: [a.address], maxDataQueueBytes: 1_000 });
    await environment.advance(0);
    const outcomes = Array.from({ length: 20 }, (_, i) =>
      b.send(sessionWith(b, 'a'), TEST_FRAME, Buffer.alloc(95, 65 + i), 'data'),
    );
    expect(outcomes.filter((outcome) => outcome === 'queued')).toHaveLength(10);
    expect(b.send(sessionWith(b, 'a'), TEST_FRAME, Buffer.from('s'), 'signal')).toBe('queued');
    await environment.advance(0);
    expect(b.counters.dropped).toEqual({ 'data budget': 10 });
    expect([a.frames.length, a.frames.at(-1)]).toEqual([11, 'b@h:s']);
  });

  test('a full control queue takes the session down once, and it is dialled again', async () => {
    const { environment, start } = createCluster();
    const a = await start('a');
    const b = await start('b', { seeds: [a.address], maxControlQueueBytes: 1_000 });
    await environment.advance(0);
    const session = sessionWith(b, 'a');
    const outcomes = Array.from({ length: 12 }, () => b.send(session, TEST_FRAME, Buffer.alloc(95), 'signal'));
    expect(outcomes.slice(8)).toEqual(['queued', 'queued', 'gone', 'gone']);
    expect([session.up, b.events]).toEqual([false, ['up a@h', 'down a@h control budget']]);
    await environment.advance(1_000);
    expect(b.events).toEqual(['up a@h', 'down a@h control budget', 'up a@h']);
    expect(a.events).toEqual(['up b@h', 'down b@h closed', 'up b@h']);
  });

  test('a frame longer than either end takes never leaves, and must-deliver ends the session', async () => {
    const { environment, start } = createCluster();
    const a = await start('a', { maxFrameBytes: 300_000 });
    const b = await start('b', { seeds: [a.address] });
    await environment.advance(0);
    const session = sessionWith(b, 'a');
    expect(session.maxBodyBytes).toBe(299_999);
    expect(b.send(session, TEST_FRAME, Buffer.alloc(299_999), 'data')).toBe('queued');
    expect(b.send(session, TEST_FRAME, Buffer.alloc(300_000), 'data')).toBe('dropped');
    await environment.advance(0);
    expect([a.frames.length, b.counters.dropped]).toEqual([1, { 'frame too long': 1 }]);
    expect(b.send(session, TEST_FRAME, Buffer.alloc(300_000), 'control')).toBe('gone');
    expect(b.events.at(-1)).toBe('down a@h frame too long');
  });

  test('seeds that are not there yet are dialled for ever, and the truth is told meanwhile', async () => {
    const { environment, start } = createCluster();
    const b = await start('b', { seeds: ['127.0.0.1:4444'] });
    await environment.advance(2 * HOUR);
    expect(b.peers()).toEqual([
      expect.objectContaining({ address: '127.0.0.1:4444', seed: true, lastFailure: 'ECONNREFUSED' }),
    ]);
    expect(b.counters.dialsFailed['ECONNREFUSED']).toBeLessThan(2_000);
    const a = await start('a', { listen: { host: '127.0.0.1', port: 4_444 } });
    await environment.advance(10_000);
    expect([a.events, b.events]).toEqual([['up b@h'], ['up a@h']]);
    expect(b.peers()).toEqual([expect.objectContaining({ state: 'connected', node: 'a@h', lastFailure: undefined })]);
  });

  test('itself among its seeds, and one seed twice in two spellings: no connection to itself, one to the seed (conformance N5)', async () => {
    const { environment, start } = createCluster();
    const a = await start('a', { listen: { host: 'a.example', port: 1 }, seeds: ['A.example:1', 'a.example:01'] });
    const b = await start('b', {
      listen: { host: 'b.example', port: 1 },
      seeds: [a.address, 'A.EXAMPLE:01', 'b.example:1'],
    });
    await environment.advance(HOUR);
    expect([a.events, b.events]).toEqual([['up b@h'], ['up a@h']]);
    const states = (node: typeof a): string[] => node.peers().map(({ address, state }) => `${address} ${state}`);
    expect(states(a)).toEqual(['a.example:1 self', 'b.example:1 connected']);
    expect(states(b)).toEqual(['a.example:1 connected', 'b.example:1 self']);
    expect(a.counters.dialled + b.counters.dialled).toBeLessThan(5);
  });

  test('a stranger that only claims to be this very node does not stop it from dialling an address', async () => {
    const { environment, network, start } = createCluster();
    const liar = await network.transport.listen(
      'x',
      1,
      (connection) => {
        const body = Buffer.from([2, 0, 1, 33]);
        connection.write(encodeFrame(FrameType.REFUSE, body));
        return deaf;
      },
      () => {},
    );
    const a = await start('a', { seeds: ['x:1'] });
    await environment.advance(60_000);
    expect(a.counters.handshakesRefusedByPeer['self']).toBeGreaterThan(5);
    liar.close();
    await start('b', { listen: { host: 'x', port: 1 } });
    await environment.advance(20_000);
    expect(names(a)).toEqual(['b@h']);
  });

  test.each([3, 8])(
    '%i nodes that all dial all at once end with one connection a pair (conformance N7)',
    async (size) => {
      for (let seed = 1; seed <= 10; seed++) {
        const { environment, network, start } = createCluster(seed);
        const ports = Array.from({ length: size }, (_, at) => 5_000 + at);
        const seeds = ports.map((port) => `127.0.0.1:${port}`);
        const nodes = await Promise.all(
          ports.map((port, at) => start(`n${at}`, { listen: { host: '127.0.0.1', port }, seeds })),
        );
        await environment.advance(5_000);
        for (const node of nodes) expect(names(node)).toHaveLength(size - 1);
        await environment.advance(30_000);
        expect(network.connections).toBe((size * (size - 1)) / 2);
        for (const node of nodes) expect(node.counters.sessionsUp).toBe(size - 1);
      }
    },
  );

  test('nodes learn of each other from one seed; a hidden node learns of all and is told to none (conformance N23, N26)', async () => {
    const { environment, start } = createCluster();
    const seed = await start('seed');
    const seeds = [seed.address];
    const [a, b] = [await start('a', { seeds }), await start('b', { seeds })];
    const hidden = await start('hidden', { seeds, hidden: true });
    const single = await start('single', { seeds, hidden: true, listen: null, dialLearned: false });
    await environment.advance(10_000);
    expect(names(a)).toEqual(['b@h', 'hidden@h', 'seed@h']);
    expect(names(hidden)).toEqual(['a@h', 'b@h', 'seed@h']);
    expect(names(single)).toEqual(['seed@h']);
    expect(sessionWith(a, 'hidden')).toMatchObject({ hidden: true, address: hidden.address });
    const late = await start('late', { seeds: [b.address] });
    await environment.advance(10_000);
    expect(names(hidden)).toEqual(['a@h', 'b@h', 'late@h', 'seed@h']);
    expect(names(late)).toEqual(['a@h', 'b@h', 'hidden@h', 'seed@h']);
    for (const node of [seed, a, b, late, single]) {
      expect(node.peers().map(({ address }) => address)).not.toContain(hidden.address);
    }
  });

  test('a node that leaves is acknowledged, goes down as left, and is not dialled again unless it is a seed', async () => {
    const { environment, start } = createCluster();
    const a = await start('a');
    const b = await start('b', { seeds: [a.address] });
    const c = await start('c', { seeds: [a.address] });
    await environment.advance(5_000);
    b.send(sessionWith(b, 'a'), TEST_FRAME, Buffer.from('last'), 'data');
    const left = b.leave();
    await environment.advance(0);
    await left;
    expect(sessionWith(a, 'b').leaving).toBe(true);
    expect(a.frames).toEqual(['b@h:last']);
    b.send(sessionWith(b, 'a'), TEST_FRAME, Buffer.from('still'), 'data');
    await environment.advance(0);
    expect(a.frames).toEqual(['b@h:last', 'b@h:still']);
    const stopped = b.stop();
    await environment.advance(0);
    await stopped;
    expect([a.events.at(-1), c.events.at(-1)]).toEqual(['down b@h left', 'down b@h left']);
    const dialled = a.counters.dialled;
    await environment.advance(HOUR);
    expect([a.counters.dialled, a.peers().map(({ node }) => node)]).toEqual([dialled, ['c@h']]);
  });

  test('leaving is bounded where a peer does not answer, and a leaving node takes nobody', async () => {
    const { environment, network, start } = createCluster();
    const a = await start('a', { leaveTimeoutMs: 700 });
    await start('b', { seeds: [a.address] });
    await environment.advance(0);
    network.silence(a.address);
    let left = false;
    const leaving = a.leave().then(() => {
      left = true;
    });
    await environment.advance(699);
    expect(left).toBe(false);
    await environment.advance(1);
    await leaving;
    const stopping = a.stop();
    await environment.advance(1_000);
    await stopping;
    expect(network.connections).toBeLessThanOrEqual(1);
  });

  test('a node that comes back under its name before its end was noticed: the old life goes down completely, then the new is up (conformance N10)', async () => {
    const { environment, network, start } = createCluster();
    const b = await start('b', { listen: { host: 'b.example', port: 1 } });
    const a = await start('a', { seeds: [b.address] });
    await environment.advance(0);
    const old = sessionWith(a, 'b');
    const alive: boolean[] = [];
    a.onMembership('groups', () => alive.push(old.up));
    network.silence(b.address);
    const stopped = b.stop();
    await environment.advance(2_000);
    await stopped;
    expect(a.events).toEqual(['up b@h']);
    await start('b', { listen: { host: 'other.example', port: 1 }, seeds: [a.address] });
    await environment.advance(0);
    expect(a.events).toEqual(['up b@h']);
    await environment.advance(2_000);
    expect(a.events).toEqual(['up b@h', 'down b@h no sign of life', 'up b@h']);
    expect(sessionWith(a, 'b').creation).not.toBe(old.creation);
    expect(alive).toEqual([false, false]);
  });

  test.each(['dials', 'is dialled'])(
    'a second live node of a name that %s is refused, with both addresses, and the first stays (F34, conformance N6)',
    async (way) => {
      const { environment, start, warnings } = createCluster();
      const first = await start('b', { listen: { host: 'first.example', port: 1 } });
      const second = { listen: { host: 'second.example', port: 1 } };
      const seeds = way === 'dials' ? [first.address] : [first.address, 'second.example:1'];
      const a = await start('a', { seeds, listen: { host: 'a.example', port: 1 }, redialMaxMs: 1_000 });
      await environment.advance(0);
      const twin = await start('b', way === 'dials' ? { ...second, seeds: [a.address] } : second);
      await environment.advance(60_000);
      expect(a.events).toEqual(['up b@h']);
      expect(sessionWith(a, 'b').creation).toBe(first.creation);
      expect(twin.sessions()).toEqual([]);
      expect(
        warnings.filter((line) =>
          /two live nodes are named b@h: one at first.example:1, one at second.example:1/.test(line),
        ).length,
      ).toBeGreaterThan(0);
      await Promise.all([first.stop(), environment.advance(5_000)]);
      await environment.advance(5_000);
      expect(sessionWith(a, 'b').creation).toBe(twin.creation);
      expect(a.events).toEqual(['up b@h', expect.stringMatching(/^down b@h/), 'up b@h']);
    },
  );

  test('a connection that is bounced 200 times: sessions rise, up and down alternate, nothing stays behind (conformance N18)', async () => {
    const { environment, network, start } = createCluster(7);
    const a = await start('a');
    const b = await start('b', { seeds: [a.address] });
    const ids: number[] = [];
    b.onMembership('everyone', (event) => event.type === 'up' && ids.push(event.session.id));
    for (let bounce = 0; bounce < 200; bounce++) {
      await environment.advance(1_100);
      b.send(sessionWith(b, 'a'), TEST_FRAME, Buffer.from(String(bounce)), 'data');
      network.cut(a.address);
      network.cut(b.address);
    }
    await environment.advance(20_000);
    expect(ids.length).toBeGreaterThan(200);
    expect(ids.every((id, at) => at === 0 || id > (ids[at - 1] ?? 0))).toBe(true);
    for (const { events } of [a, b])
      expect(events.every((event, at) => event.startsWith(at % 2 === 0 ? 'up' : 'down'))).toBe(true);
    expect([names(a), names(b), network.connections]).toEqual([['b@h'], ['a@h'], 1]);
  });

  test('frames of a session that is over, held back and let through late, change nothing', async () => {
    const { environment, network, start } = createCluster();
    const a = await start('a', { writeTimeoutMs: HOUR });
    const b = await start('b', {
      seeds: [a.address],
      heartbeatTimeoutMs: 100_000,
      writeTimeoutMs: HOUR,
      dialLearned: false,
    });
    await environment.advance(0);
    b.send(sessionWith(b, 'a'), TEST_FRAME, Buffer.from('in time'), 'data');
    await environment.advance(0);
    network.silence(a.address);
    b.send(sessionWith(b, 'a'), TEST_FRAME, Buffer.from('late'), 'data');
    for (let s = 0; s < 30 && a.events.length < 2; s++) await environment.advance(500);
    network.restore(a.address);
    await environment.advance(0);
    expect([a.events, a.frames]).toEqual([['up b@h', 'down b@h silent'], ['b@h:in time']]);
  });

  test('whatever a peer with the cookie sends, no other session and no newcomer notices (conformance N25)', async () => {
    const { environment, start } = createCluster(3);
    const a = await start('a', { maxPeers: 20 });
    const c = await start('c', { seeds: [a.address] });
    const b = await start('b', { seeds: [a.address], dialLearned: false, redialMaxMs: 100, listen: null });
    await environment.advance(1_000);
    for (let round = 0; round < 1_500; round++) {
      const session = b.session(nodeName('a'));
      if (session === undefined) {
        await environment.advance(200);
        continue;
      }
      const type = round % 3 === 0 ? Math.floor(environment.random() * 256) : 16 + (round % 6);
      b.send(session, type, environment.randomBytes(Math.floor(environment.random() * 60)), 'control');
      await environment.advance(0);
    }
    expect(c.events).toEqual(['up a@h', expect.stringMatching(/b@h/)].slice(0, c.events.length));
    expect(a.counters.protocolErrors['truncated']).toBeGreaterThan(20);
    expect(a.counters.sessionsUp).toBeGreaterThan(100);
    const d = await start('d', { seeds: [a.address] });
    await environment.advance(1_000);
    expect(names(d)).toContain('a@h');
    expect(a.peers().length).toBeLessThanOrEqual(21);
  });

  test('addresses that peers tell are checked, counted and bounded', async () => {
    const { environment, start } = createCluster();
    const a = await start('a', { maxPeers: 2 });
    const b = await start('b', { seeds: [a.address] });
    await environment.advance(0);
    const peers = (list: [string, string][]): Uint8Array =>
      encodePeers(list.map(([node, address]) => ({ node: node as NodeName, address })));
    const told: [string, string][] = [
      ['x@h', 'not an address'],
      ['no name', 'x:1'],
      ['a@h', 'mine:1'],
      ['x@h', 'x:1'],
      ['y@h', 'y:1'],
    ];
    b.send(sessionWith(b, 'a'), FrameType.PEERS, peers(told), 'control');
    await environment.advance(0);
    expect(a.counters.addressesIgnored).toEqual({ 'bad address': 2, 'book full': 1 });
    expect(a.peers().map(({ address }) => address)).toEqual([b.address, 'x:1']);
    b.send(sessionWith(b, 'a'), FrameType.PEERS, Buffer.from('ffff', 'hex'), 'control');
    await environment.advance(0);
    expect(a.events.at(-1)).toBe('down b@h protocol error: bad count');
  });

  test('a transport that throws at an address is a failed dial like any other', async () => {
    const { environment, network, start } = createCluster();
    const dial = (): never => {
      throw new Error('no such network');
    };
    const a = await start('a', { seeds: ['x:1'], transport: { ...network.transport, dial } });
    await environment.advance(1_000);
    expect(a.peers()[0]).toMatchObject({ state: 'waiting', lastFailure: 'refused by the transport' });
    await a.stop();
    expect(environment.timers).toBe(0);
  });

  test('strangers that say nothing are cut off at the deadline, and too many crowd out the oldest', async () => {
    const { environment, network, start } = createCluster();
    const a = await start('a', { maxHandshakes: 4 });
    const [host = '', port = ''] = a.address.split(':');
    for (let i = 0; i < 10; i++) network.transport.dial(host, Number(port), deaf);
    const b = await start('b', { seeds: [a.address] });
    await environment.advance(100);
    expect([a.events, b.events]).toEqual([['up b@h'], ['up a@h']]);
    expect(a.counters.handshakesRefused).toEqual({ 'crowded out': 7 });
    await environment.advance(5_000);
    expect(a.counters.handshakesRefused).toEqual({ 'crowded out': 7, deadline: 3 });
    expect(network.connections).toBe(1);
  });

  test('a node takes no more peers than it may, and says so', async () => {
    const { environment, warnings, start } = createCluster();
    const a = await start('a', { maxPeers: 1 });
    await start('b', { seeds: [a.address] });
    await environment.advance(0);
    const c = await start('c', { seeds: [a.address], dialLearned: false });
    await environment.advance(120_000);
    expect([names(a), names(c)]).toEqual([['b@h'], []]);
    expect(c.peers()[0]?.lastFailure).toBe('too many peers');
    // Refused many times, said at most once a minute by each end.
    expect(a.counters.handshakesRefused['too many peers']).toBeGreaterThan(8);
    const said = warnings.filter((line) => line.includes('takes at most 1 peers')).length;
    expect(said).toBeGreaterThan(1);
    expect(said).toBeLessThanOrEqual(6);
  });

  test('a handler that throws, and a frame that nobody takes, end that one session; an optional one is skipped', async () => {
    const { environment, start } = createCluster();
    const a = await start('a');
    const [b, c] = [await start('b', { seeds: [a.address] }), await start('c', { seeds: [a.address] })];
    a.onFrame(100, () => {
      throw new Error('mine');
    });
    await environment.advance(1_000);
    b.send(sessionWith(b, 'a'), 0x91, Buffer.alloc(3), 'data');
    await environment.advance(0);
    expect([a.counters.unknownOptionalFrames, b.events.length]).toEqual([1, 2]);
    b.send(sessionWith(b, 'a'), 99, Buffer.alloc(3), 'data');
    c.send(sessionWith(c, 'a'), 100, Buffer.alloc(3), 'data');
    await environment.advance(0);
    expect(a.counters.protocolErrors).toEqual({ 'unknown frame': 1, 'handler failed': 1 });
    expect(b.events).toContain('down a@h closed by the peer');
    expect(a.events).toContain('down b@h protocol error: unknown frame');
    expect(names(b)).toEqual(['c@h']);
    await environment.advance(20_000);
    expect(names(a)).toEqual(['b@h', 'c@h']);
  });

  test('a frame type has one handler, and the types below 32 are not for sale', async () => {
    const { start } = createCluster();
    const a = await start('a');
    for (const type of [TEST_FRAME, FrameType.HEARTBEAT, 31, 256, 1.5])
      expect(() => a.onFrame(type, () => {})).toThrow(RangeError);
  });

  test('options are refused by name', async () => {
    const { start } = createCluster();
    await expect(start('a', { cookie: '' })).rejects.toMatchObject({ code: 'ERR_LIMINAL_OPTION', option: 'cookie' });
    await expect(start('a', { seeds: ['nowhere'] })).rejects.toMatchObject({ option: 'seeds' });
    await expect(start('a', { heartbeatTimeoutMs: 3_000 })).rejects.toMatchObject({ option: 'heartbeatTimeoutMs' });
    await expect(start('a', { redialMinMs: 20_000 })).rejects.toMatchObject({ option: 'redialMaxMs' });
    await expect(start('a b')).rejects.toMatchObject({ option: 'name' });
  });
});
