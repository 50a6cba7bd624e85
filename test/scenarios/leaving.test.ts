/** How a node goes in order, with work on its hands. */
import { fileURLToPath } from 'node:url';
import { type Envelope, type MembershipEvent, startNode } from 'liminal-node';
import { describe, expect, it } from 'vitest';
import { startNodeProcess } from '../support/cli.js';
import { COOKIE, LOADER, numbersBelow, until } from '../support/cluster.js';
import { startProxiedCluster, viewsEqual } from '../support/proxied-cluster.js';

const APP = fileURLToPath(new URL('../support/cluster-load-app.ts', import.meta.url));

describe('SIGTERM under load', () => {
  it('delivers every publish that got a receipt, tells the peers before it goes, and exits with 0 (A27)', async () => {
    await using a = await startNodeProcess(['--name', 'a@127.0.0.1', '--threads', '1', '--http', 'off', '--app', APP], {
      env: { LIMINAL_COOKIE: COOKIE },
      nodeArgs: ['--import', LOADER],
    });
    await using b = await startNode({ name: 'b@127.0.0.1', cookie: COOKIE, threads: 0, seeds: [a.listen] });
    const subscription = b.channel<number>('numbers').subscribe();
    const received: Envelope<number>[] = [];
    void (async () => {
      for await (const envelope of subscription) received.push(envelope);
    })();
    await until('b receives', () => received.length >= 500);
    const events: MembershipEvent[] = [];
    b.distribution.onMembership('everyone', (event) => void events.push(event));
    let leavingSeen = false;
    a.cli.signal('SIGTERM');
    await until('b knows that a leaves', () => {
      leavingSeen ||= b.members().some(({ name, state }) => name === a.name && state === 'leaving');
      return leavingSeen || events.length > 0;
    });
    expect(await a.cli.exit()).toEqual({ code: 0, signal: null });
    const { count, elsewhere, refused } = await a.cli.event('published');
    expect({ elsewhere, refused }).toEqual({
      elsewhere: [],
      refused: 'ChannelsClosedError: this node is stopping and takes no more publishes or subscriptions',
    });
    await until(
      'b received all',
      () => received.length >= Number(count),
      () => `${received.length} of ${count}`,
    );
    expect(received.map(({ payload }) => payload)).toEqual(numbersBelow(Number(count)));
    await until('b has seen it go', () => events.length > 0);
    expect(events.map(({ type, session }) => `${type} ${session.node}`)).toEqual([`down ${a.name}`]);
    expect(events[0]).toMatchObject({ reason: 'left' });
  });
});

describe('a node that drains', () => {
  it('takes what its peers publish for as long as they have not acknowledged that it leaves (A27)', async () => {
    const timeouts = { heartbeatTimeoutMs: 120_000, writeTimeoutMs: 120_000, leaveTimeoutMs: 100_000 };
    await using cluster = await startProxiedCluster(2, { distribution: timeouts, drainTimeoutMs: 120_000 });
    const [a, b] = [cluster.node(0), cluster.node(1)];
    const received: number[] = [];
    const subscription = a.channel<number>('numbers').subscribe();
    void (async () => {
      for await (const { payload } of subscription) received.push(payload);
    })();
    await viewsEqual(cluster.nodes);
    const heal = cluster.network.partOneWay(0, 1);
    const draining = a.drain();
    // Nothing that a says comes to b, which still counts on it.
    for (let number = 0; number < 100; number++) {
      expect(await b.channel('numbers').publish(number)).toEqual({ local: 0, nodes: 1, dropped: 0 });
      await until('a is given it', () => received.length > number);
    }
    heal();
    expect(await draining).toMatchObject({ cut: [] });
    expect(received).toEqual(numbersBelow(100));
  });
});
