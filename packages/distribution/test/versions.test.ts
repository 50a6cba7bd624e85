/** Builds that speak other versions of the protocol, and lives of a node that drew the same number. */
import { afterEach, describe, expect, test } from 'vitest';
import { FrameType } from '../src/frame-type.js';
import type { VersionRange } from '../src/handshake-message.js';
import { LocalNode } from '../src/local-node.js';
import { resolveDistributionOptions } from '../src/options.js';
import type { Transport } from '../src/transport.js';
import { createCluster, names, nodeName, observe, sessionWith, TEST_FRAME, type TestNode } from './cluster.js';

const running: LocalNode[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.stop()));
});

/** A node of a build that speaks that range, over TCP. */
async function build(name: string, protocol: VersionRange, seeds: readonly string[] = []): Promise<TestNode> {
  const settings = resolveDistributionOptions({
    ...{ name: nodeName(name), creation: running.length + 1, cookie: 'secret', seeds },
    ...{ listen: { host: '127.0.0.1', port: 0 }, redialMaxMs: 500, dialLearned: false },
  });
  const node = new LocalNode(settings, protocol);
  running.push(node);
  const observed = observe(node);
  await node.listen();
  return observed;
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const RANGES: readonly VersionRange[] = [
  { min: 1, max: 1 },
  { min: 1, max: 2 },
  { min: 2, max: 3 },
  { min: 3, max: 3 },
];
const pairs = RANGES.flatMap((dialler) => RANGES.map((acceptor) => ({ dialler, acceptor })));

describe('failure F42: two builds', () => {
  test.each(pairs)(
    '$dialler dials $acceptor: the highest common version, or both ranges',
    async ({ dialler, acceptor }) => {
      const a = await build('a', acceptor);
      const b = await build('b', dialler, [a.address]);
      const version = Math.min(dialler.max, acceptor.max);
      if (version >= Math.max(dialler.min, acceptor.min)) {
        await until(() => names(a).length === 1 && names(b).length === 1);
        expect([sessionWith(a, 'b').version, sessionWith(b, 'a').version]).toEqual([version, version]);
        b.send(sessionWith(b, 'a'), TEST_FRAME, Buffer.from('hello'), 'data');
        // Frames of a type that is not known and is marked optional are skipped and counted.
        b.send(sessionWith(b, 'a'), 0x80 | 77, Buffer.from('news'), 'control');
        await until(() => a.frames.length === 1 && a.counters.unknownOptionalFrames === 1);
        expect(a.events).toEqual(['up b@h']);
      } else {
        await until(
          () => b.peers()[0]?.lastFailure === 'version' && a.counters.handshakesRefused['version'] !== undefined,
        );
        expect([names(a), names(b), b.counters.handshakesRefusedByPeer['version']]).toEqual([
          [],
          [],
          expect.any(Number),
        ]);
      }
    },
  );

  test('that have no version in common say both ranges, on either side', async () => {
    const { warnings, ...cluster } = createCluster();
    const older = await cluster.start('older');
    const settings = resolveDistributionOptions({
      ...{ name: nodeName('newer'), creation: 99, cookie: 'secret', seeds: [older.address] },
      ...{ environment: cluster.environment, transport: cluster.network.transport },
      logger: { debug: () => {}, info: () => {}, warn: (_, line) => warnings.push(line), error: () => {} },
    });
    await new LocalNode(settings, { min: 3, max: 4 }).listen();
    await cluster.environment.advance(1_000);
    const both = warnings.filter((line) => line.includes('older@h speaks 2 to 2, newer@h 3 to 4'));
    expect(both).toHaveLength(2);
  });
});

describe('failure F67: another life of a node that drew the number of an earlier one', () => {
  test.each(['dials', 'is dialled'])('is refused when it %s, and is taken with another number', async (way) => {
    const { environment, start } = createCluster();
    const listen = { host: 'b.example', port: 1 };
    const a = await start('a', way === 'dials' ? {} : { seeds: ['b.example:1'] });
    const seeds = way === 'dials' ? [a.address] : [];
    const options = { listen, seeds, creation: 77 };
    const first = await start('b', options);
    await environment.advance(5_000);
    expect(sessionWith(a, 'b').creation).toBe(77);
    await Promise.all([first.stop(), environment.advance(5_000)]);
    const second = await start('b', options);
    await environment.advance(60_000);
    expect(a.events.filter((event) => event === 'up b@h')).toHaveLength(1);
    const refusals = [a.counters, second.counters].flatMap(({ handshakesRefused }) => Object.keys(handshakesRefused));
    expect(refusals).toContain('creation');
    await Promise.all([second.stop(), environment.advance(5_000)]);
    await start('b', { ...options, creation: 78 });
    await environment.advance(60_000);
    expect(sessionWith(a, 'b').creation).toBe(78);
  });

  test('is told from a life that goes on, however often its connection is lost, and whoever dials', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { environment, network, start } = createCluster(seed);
      const a = await start('a', { listen: { host: 'a.example', port: 1 }, seeds: ['b.example:1'] });
      const b = await start('b', { listen: { host: 'b.example', port: 1 }, seeds: ['a.example:1'] });
      for (let cut = 0; cut < 30; cut++) {
        await environment.advance(environment.random() * 300);
        network.cut(environment.random() < 0.5 ? a.address : b.address);
      }
      await environment.advance(30_000);
      expect([names(a), names(b)]).toEqual([['b@h'], ['a@h']]);
      expect([a.counters.handshakesRefused['creation'], b.counters.handshakesRefused['creation']]).toEqual([
        undefined,
        undefined,
      ]);
    }
  });

  test('is not looked for by a node that has met too many to remember', async () => {
    const { environment, start } = createCluster();
    const a = await start('a', { dialLearned: false });
    const b = await start('b', { seeds: [a.address], maxPeers: 1 });
    // Long enough for a heartbeat, by which each knows that the other has the session.
    await environment.advance(6_000);
    // Three visits are one more than are remembered beside the peer.
    b.disconnect('a@h');
    for (const visitor of ['x', 'y', 'z']) {
      const visit = await start(visitor, { seeds: [b.address], listen: null, dialLearned: false });
      await environment.advance(2_000);
      expect(names(b)).toEqual([`${visitor}@h`]);
      await Promise.all([visit.stop(), environment.advance(2_000)]);
    }
    b.connect('a@h');
    await environment.advance(1_000);
    expect([names(a), a.counters.handshakesRefused['creation']]).toEqual([['b@h'], undefined]);
    // Nor by one that it meets for the first time.
    b.disconnect('a@h');
    const fresh = await start('fresh');
    b.connect(fresh.address);
    await environment.advance(1_000);
    expect(names(fresh)).toEqual(['b@h']);
  });

  test('is not seen in a peer that never had the session, because the connection was lost before it knew', async () => {
    const { environment, network, start } = createCluster();
    const b = await start('b', { dialLearned: true });
    b.onMembership('groups', ({ type }) => {
      if (type === 'up' && b.counters.sessionsUp === 1) network.cut(b.address);
    });
    const a = await start('a', { seeds: [b.address], redialMinMs: 10_000 });
    await environment.advance(5_000);
    expect([b.counters.sessionsUp, a.counters.sessionsUp, names(a)]).toEqual([2, 1, ['b@h']]);
    expect(a.counters.handshakesRefused['creation']).toBeUndefined();
  });

  test('is not seen in a proof that was under way while another session came and went', async () => {
    const { environment, network, start } = createCluster();
    const b = await start('b', { listen: { host: 'b.example', port: 1 }, dialLearned: false });
    // Holds back what goes to b from the proof on.
    const transport: Transport = {
      ...network.transport,
      dial: (host, port, handlers) => {
        const connection = network.transport.dial(host, port, handlers);
        const write: typeof connection.write = (bytes, done) => {
          if (bytes[4] === FrameType.PROOF && a.counters.sessionsUp === 0) network.silence(b.address);
          connection.write(bytes, done);
        };
        return { ...connection, remoteAddress: connection.remoteAddress, write };
      },
    };
    const a = await start('a', { seeds: [b.address], transport, listen: { host: 'a.example', port: 1 } });
    await environment.advance(0);
    expect(names(a)).toEqual([]);
    b.connect(a.address);
    await environment.advance(0);
    expect([names(a), names(b)]).toEqual([['b@h'], ['a@h']]);
    b.disconnect(a.address);
    network.cut(a.address);
    await environment.advance(0);
    b.connect('a@h');
    network.restore(b.address);
    await environment.advance(5_000);
    expect([names(a), names(b)]).toEqual([['b@h'], ['a@h']]);
    expect(b.counters.handshakesRefused).toEqual({ duplicate: 1 });
  });
});
