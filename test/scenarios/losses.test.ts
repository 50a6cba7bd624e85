/** A node that stops reading for a while: what its subscribers are told, and what publishers that wait lose, which is nothing. */
import { type Envelope, type Gap, isGap, type LiminalNode, type Loss, type Pid, type Subscription } from 'liminal-node';
import { describe, expect, it } from 'vitest';
import { until } from '../support/cluster.js';
import { numbering } from '../support/cluster-processes.js';
import { startProxiedCluster, viewsEqual } from '../support/proxied-cluster.js';

/** Nothing but what the test does brings anybody down. */
const PATIENT = {
  heartbeatIntervalMs: 200,
  heartbeatTimeoutMs: 60_000,
  writeTimeoutMs: 60_000,
  frameTimeoutMs: 60_000,
};
const roomy = { maxItems: 1_000_000, maxBytes: 2 ** 30 };
const MIB = 2 ** 20;

interface Numbered {
  readonly n: number;
  readonly text: string;
}

/** By publisher: what came and what was told to be missing, up to now. */
class Account {
  readonly delivered = new Map<Pid, number[]>();
  readonly told = new Map<Pid, number>();
  readonly faults: string[] = [];
  items = 0;

  constructor(subscription: Subscription<Numbered, Gap>) {
    void (async () => {
      for await (const item of subscription) this.#take(item);
    })();
  }

  /** The number that must come next of that publisher. */
  next(publisher: Pid): number {
    return (this.delivered.get(publisher)?.length ?? 0) + (this.told.get(publisher) ?? 0);
  }

  #take(item: Envelope<Numbered> | Gap): void {
    this.items++;
    const publisher = item.publisher as Pid;
    if ('signal' in item) {
      this.told.set(publisher, (this.told.get(publisher) ?? 0) + (item.count ?? Number.NaN));
      if (item.reason !== 'queue full') this.faults.push(`a gap for ${item.reason}`);
      return;
    }
    const { n } = item.payload;
    if (n !== this.next(publisher)) this.faults.push(`${n} of ${publisher} came where ${this.next(publisher)} was due`);
    const numbers = this.delivered.get(publisher) ?? [];
    this.delivered.set(publisher, numbers);
    numbers.push(n);
  }
}

const account = (node: LiminalNode): Account =>
  new Account(node.channel<Numbered>('numbers').subscribe({ ...roomy, gaps: true }));

describe('a node that stops reading', () => {
  it('is told of each message that it missed, in the order of each publisher, on whatever thread that runs (A16, F18)', async () => {
    const distribution = { ...PATIENT, maxDataQueueBytes: MIB };
    await using cluster = await startProxiedCluster(3, { distribution, threads: 2 });
    const [stuck, source, other] = [cluster.node(0), cluster.node(1), cluster.node(2)];
    const [late, prompt] = [account(stuck), account(other)];
    await viewsEqual(cluster.nodes);
    const heal = cluster.network.part([0], [1], 'stall');
    const observer = source.attach({ mailbox: roomy });
    const count = 2_000;
    const pids: Pid[] = [];
    for (const thread of [...source.scheduler.threads, 'home'] as const) {
      pids.push(await source.spawn(numbering, ['numbers', count, 4_000, 'drop', observer.pid], { thread }));
    }
    const lost: (Loss & { publisher: Pid; n: number })[] = [];
    for (let done = 0; done < pids.length; done++) {
      const { publisher, losses } = await observer.receive<{ publisher: Pid; losses: (Loss & { n: number })[] }>();
      lost.push(...losses.map((loss) => ({ ...loss, publisher })));
    }
    heal();
    for (const [node, its] of [
      [stuck, late],
      [other, prompt],
    ] as const) {
      for (const pid of pids) {
        await until(
          `all of ${pid} is accounted for at ${node.name}`,
          () => its.next(pid) === count,
          () => `${its.delivered.get(pid)?.length} came, ${its.told.get(pid)} are told to be missing`,
        );
        const missing = new Set(
          lost.filter((loss) => loss.publisher === pid && loss.node === node.name).map(({ n }) => n),
        );
        const arrived = Array.from({ length: count }, (_, n) => n).filter((n) => !missing.has(n));
        expect(its.delivered.get(pid)).toEqual(arrived);
        expect(its.told.get(pid) ?? 0).toBe(missing.size);
      }
      expect(its.faults).toEqual([]);
      const heard = lost.filter((loss) => loss.node === node.name).length;
      expect(node.distribution.counters.lossesHeard).toBe(heard);
    }
    // 24 MB were published, and a fraction of that waited.
    expect(lost.length).toBeGreaterThan(count);
    expect(source.clusterSync.counters.skipped['queue full']).toBe(lost.length);
    expect(source.distribution.counters.lossesTold).toBe(lost.length);
  });

  it('costs publishers that wait for it nothing but time, and no other node anything (A16, F18)', async () => {
    const distribution = { ...PATIENT, maxDataQueueBytes: MIB };
    await using cluster = await startProxiedCluster(3, { distribution, threads: 2 });
    const [stuck, source, other] = [cluster.node(0), cluster.node(1), cluster.node(2)];
    const [late, prompt] = [account(stuck), account(other)];
    await viewsEqual(cluster.nodes);
    const heal = cluster.network.part([0], [1], 'stall');
    const observer = source.attach();
    const count = 5_000;
    const pids: Pid[] = [];
    for (const thread of source.scheduler.threads) {
      pids.push(await source.spawn(numbering, ['numbers', count, 4_000, 'wait', observer.pid], { thread }));
    }
    const data = (): number => source.distribution.session(stuck.name)?.traffic.queued ?? 0;
    // They wait when nothing more is taken in: each has published to the other node, and goes no further.
    let seen = -1;
    await until('the publishers wait', async () => {
      const before = seen;
      seen = prompt.items;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return data() > 0 && seen > 0 && seen === before && seen === prompt.items;
    });
    expect(seen).toBeLessThan(pids.length * count);
    const mine = await source
      .channel('numbers')
      .publish({ n: 0, text: 'x'.repeat(10_000) }, { whenFull: 'wait', timeoutMs: 1 });
    expect(mine.losses).toEqual([{ node: stuck.name, reason: 'timed out', count: 1 }]);
    heal();
    for (let done = 0; done < pids.length; done++) expect(await observer.receive()).toMatchObject({ losses: [] });
    for (const pid of pids) {
      await until('all is there', () => late.next(pid) === count && prompt.next(pid) === count);
      expect(late.delivered.get(pid)).toHaveLength(count);
    }
    expect(prompt.faults).toEqual([]);
    expect(late.faults).toEqual(['a gap for timed out']);
  });
});

it('a message that is longer than one may be between nodes is refused to its sender, with both figures, at the byte (F39)', async () => {
  const distribution = { ...PATIENT, maxFrameBytes: 2 * MIB };
  await using cluster = await startProxiedCluster(2, { distribution, maxPayloadBytes: 4 * MIB });
  const [a, b] = [cluster.node(0), cluster.node(1)];
  const far = b.attach({ mailbox: roomy });
  const near = a.attach();
  const longest = 2 * MIB - 1;
  const send = (bytes: number): number => {
    try {
      near.send(far.pid, new Uint8Array(bytes));
      return 0;
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_LIMINAL_MESSAGE_TOO_LARGE', maxBytes: longest });
      return (error as { bytes: number }).bytes;
    }
  };
  // What stands around the bytes of the message is found out from the refusal.
  const around = send(longest) - longest;
  expect(around).toBeGreaterThan(0);
  expect([send(longest - around), send(longest - around + 1)]).toEqual([0, longest + 1]);
  expect(await far.receive()).toHaveLength(longest - around);
  // A publish as well: nobody there gets it, and they are told so.
  const subscription = b.channel<Uint8Array>('bytes').subscribe({ ...roomy, gaps: true });
  await viewsEqual(cluster.nodes);
  const receipt = await a.channel('bytes').publish(new Uint8Array(longest));
  expect(receipt.losses).toEqual([{ node: b.name, reason: 'too long', count: 1 }]);
  await a.channel('bytes').publish(new Uint8Array(1));
  const items: unknown[] = [];
  for await (const item of subscription) {
    items.push(isGap(item) ? item.reason : 'envelope');
    if (items.length === 2) break;
  }
  expect(items).toEqual(['too long', 'envelope']);
  expect(a.distribution.counters.sessionsDown).toEqual({});
});
