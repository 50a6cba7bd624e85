/** Peers and members that are slow, and lines that are thin: whom it costs something, and what is counted. */
import type { Envelope, LiminalNode, Pid, Subscription } from 'liminal-node';
import { describe, expect, it } from 'vitest';
import { until } from '../support/cluster.js';
import { meshed, startProxiedCluster, viewsEqual } from '../support/proxied-cluster.js';

/** Long enough that nothing but what the test does brings anybody down. */
const PATIENT = { heartbeatIntervalMs: 200, heartbeatTimeoutMs: 60_000, writeTimeoutMs: 60_000 };
const MIB = 2 ** 20;

function collect(subscription: Subscription<{ n: number }>): Envelope<{ n: number }>[] {
  const received: Envelope<{ n: number }>[] = [];
  void (async () => {
    for await (const envelope of subscription) received.push(envelope);
  })();
  return received;
}

const roomy = { maxItems: 1_000_000, maxBytes: 2 ** 30 };

describe('a peer that stops reading', () => {
  it('costs no other peer anything, has a bounded queue, and what it misses is counted to the last (A16, F18)', async () => {
    const budget = 4 * MIB;
    await using cluster = await startProxiedCluster(3, { distribution: { ...PATIENT, maxDataQueueBytes: budget } });
    const [stuck, publisher, other] = [cluster.node(0), cluster.node(1), cluster.node(2)];
    const [late, prompt] = [stuck, other].map((node) => collect(node.channel<{ n: number }>('n').subscribe(roomy)));
    await viewsEqual(cluster.nodes);
    const heal = cluster.network.part([0], [1], 'stall');
    const text = 'x'.repeat(2_000);
    const sent = 20_000;
    const refused: number[] = [];
    const rssBefore = process.memoryUsage().rss;
    let mostRss = 0;
    for (let n = 0; n < sent; n++) {
      const { nodes, dropped } = await publisher.channel('n').publish({ n, text });
      if (dropped > 0) refused.push(n);
      expect(nodes + dropped).toBe(2);
      if (n % 100 === 0) {
        // The other keeps pace: what it was sent is there before the next hundred goes out.
        await until('the other has it', () => (prompt?.length ?? 0) > n);
        mostRss = Math.max(mostRss, process.memoryUsage().rss);
      }
    }
    await until('the other has all', () => prompt?.length === sent);
    expect(prompt?.map(({ payload }) => payload.n)).toEqual(Array.from({ length: sent }, (_, n) => n));
    // 40 MB were published, and a fraction of that waits for the one that does not read.
    expect(refused.length).toBeGreaterThan(sent / 2);
    expect(publisher.distribution.counters.dropped).toEqual({ 'data budget': refused.length });
    expect(publisher.clusterSync.counters.skipped).toMatchObject({ gone: 0, 'queue full': refused.length });
    // All three nodes are in this process, and keep what they were sent.
    expect(mostRss - rssBefore).toBeLessThan(300 * MIB);
    heal();
    await until('the slow one has the rest', () => late?.length === sent - refused.length);
    const missing = new Set(refused);
    expect(late?.map(({ payload }) => payload.n)).toEqual(
      Array.from({ length: sent }, (_, n) => n).filter((n) => !missing.has(n)),
    );
    expect(publisher.distribution.counters.sessionsDown).toEqual({});
  });

  it('goes down when what must be delivered has no room, once; every link and monitor hears of it, and it is dialled again (A20)', async () => {
    await using cluster = await startProxiedCluster(2, {
      distribution: { ...PATIENT, maxControlQueueBytes: 64 * 1_024 },
    });
    const [a, b] = [cluster.node(0), cluster.node(1)];
    const count = 50;
    const target = b.attach({ mailbox: roomy });
    const heard: unknown[] = [];
    const watchers = Array.from({ length: count }, (_, at) => {
      const watcher = a.attach({ trapExit: true });
      if (at % 2 === 0) watcher.link(target.pid);
      else watcher.monitor(target.pid);
      void (async () => {
        for await (const message of watcher.messages<{ reason: unknown }>()) heard.push(message.reason);
      })();
      return watcher;
    });
    a.send(target.pid, 'bound');
    await target.receive();
    const reasons: string[] = [];
    a.distribution.onMembership('everyone', (event) => event.type === 'down' && reasons.push(event.reason));
    const heal = cluster.network.part([0], [1], 'stall');
    // Exits must be delivered, whoever reads.
    const mortal: Pid[] = [];
    while (reasons.length === 0) {
      const process = a.attach();
      process.link(target.pid);
      mortal.push(process.pid);
      process.close();
      if (mortal.length % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
      if (mortal.length > 1_000_000) throw new Error('there was always room');
    }
    await until('all have heard', () => heard.length >= count);
    expect(heard).toEqual(watchers.map(() => 'noconnection'));
    expect(reasons).toEqual(['control budget']);
    heal();
    await meshed(cluster.nodes);
    await viewsEqual(cluster.nodes);
    expect(heard).toHaveLength(count);
    expect(a.distribution.counters.sessionsDown).toEqual({ 'control budget': 1 });
  });
});

describe('a thin line', () => {
  it('with megabytes waiting for it keeps its session: heartbeats pass ahead of data (F37)', async () => {
    const tight = { heartbeatIntervalMs: 200, heartbeatTimeoutMs: 3_000, writeTimeoutMs: 60_000 };
    await using cluster = await startProxiedCluster(2, { distribution: tight });
    const [a, b] = [cluster.node(0), cluster.node(1)];
    const received = collect(b.channel<{ n: number }>('n').subscribe(roomy));
    await viewsEqual(cluster.nodes);
    // What stands in the kernel and in the proxy is of a size that passes within the limit.
    for (const wire of [cluster.network.wire(0, 1), cluster.network.wire(1, 0)]) wire.bytesPerSecond = 400_000;
    const [session] = a.distribution.sessions();
    const text = 'x'.repeat(50_000);
    for (let n = 0; n < 60; n++) expect((await a.channel('n').publish({ n, text })).nodes).toBe(1);
    await until('it is at work', () => received.length >= 5);
    const roundTrips = new Set<number>();
    await until('heartbeats come back meanwhile', () => {
      if (session?.roundTripMs !== undefined) roundTrips.add(session.roundTripMs);
      return roundTrips.size >= 2;
    });
    for (const wire of [cluster.network.wire(0, 1), cluster.network.wire(1, 0)]) {
      wire.bytesPerSecond = Number.POSITIVE_INFINITY;
    }
    await until('all is there', () => received.length === 60);
    expect(a.distribution.sessions()).toEqual([session]);
    expect(a.distribution.counters.sessionsDown).toEqual({});
  });

  it('cut at any byte keeps the stream in step: 512 KiB and small ones between, in order, as they were (A34)', async () => {
    await using cluster = await startProxiedCluster(2, { distribution: PATIENT });
    const [a, b] = [cluster.node(0), cluster.node(1)];
    const received = collect(b.channel<{ n: number; bytes: Uint8Array }>('n').subscribe(roomy));
    await viewsEqual(cluster.nodes);
    const wire = cluster.network.wire(0, 1);
    wire.splits = true;
    const bytes = (n: number): Uint8Array => {
      const length = n % 10 === 0 ? 512 * 1_024 : n;
      return Uint8Array.from({ length }, (_, at) => (at * 31 + n) & 0xff);
    };
    const count = 60;
    for (let n = 0; n < count; n++) await a.channel('n').publish({ n, bytes: bytes(n) });
    await until('all is there', () => received.length === count);
    expect(received.map(({ payload }) => payload.n)).toEqual(Array.from({ length: count }, (_, n) => n));
    for (const { payload } of received) {
      const { n, bytes: got } = payload as { n: number; bytes: Uint8Array };
      expect(Buffer.compare(got, bytes(n))).toBe(0);
    }
    expect(wire.pieces).toBeGreaterThan(300);
    expect(b.distribution.counters.protocolErrors).toEqual({});
  });
});

describe('a slow subscriber', () => {
  it('beside ninety-nine fast ones on its node, and one on the publisher’s, loses its own messages and nobody else’s, and it is counted (A15, F19)', async () => {
    await using cluster = await startProxiedCluster(2, { distribution: PATIENT, http: '127.0.0.1:0' });
    const [a, b] = [cluster.node(0), cluster.node(1)];
    const count = 2_000;
    const fast = [
      collect(a.channel<{ n: number }>('n').subscribe(roomy)),
      ...Array.from({ length: 99 }, () => collect(b.channel<{ n: number }>('n').subscribe(roomy))),
    ];
    // Nobody reads it.
    const slow = b.channel<{ n: number }>('n').subscribe({ maxItems: 100, overflow: 'drop-newest' });
    await viewsEqual(cluster.nodes);
    for (let n = 0; n < count; n++) await a.channel('n').publish({ n }, { flush: n % 100 === 99 });
    for (const each of fast) await until('a fast one has all', () => each.length === count);
    for (const each of fast)
      expect(each.map(({ payload }) => payload.n)).toEqual(Array.from({ length: count }, (_, n) => n));
    expect(await metrics(b)).toMatch(new RegExp(`channels_dropped_total.*"mailbox full".* ${count - 100}\n`));
    const left = collect(slow);
    await until('it has what there was room for', () => left.length === 100);
    expect(left.map(({ payload }) => payload.n)).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });
});

async function metrics({ http }: LiminalNode): Promise<string> {
  return await (await fetch(`http://${http}/metrics`)).text();
}
