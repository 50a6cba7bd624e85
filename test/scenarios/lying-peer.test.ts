/** A peer that knows the cookie, speaks the protocol perfectly, and then lies (A18, A17). */
import { netTransport } from '@liminal-node/distribution';
import { encodeValue, type NodeName, type Pid, parsePid, type Self } from '@liminal-node/scheduler';
import { type LiminalNode, startNode } from 'liminal-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodePublication } from '../../packages/channels/dist/publication.js';
import { FrameType } from '../../packages/distribution/dist/frame-type.js';
import { RawPeer } from '../../packages/distribution/test/raw-peer.js';
import { encodeFrame, type WireChange } from '../../packages/pg/dist/wire.js';
import * as signals from '../../packages/scheduler/dist/encoding/signal-codec.js';
import type { Ref } from '../../packages/scheduler/dist/pid.js';
import { COOKIE, until } from '../support/cluster.js';

const LIAR = 'liar@127.0.0.1' as NodeName;
const CREATION = 77;

let node: LiminalNode;
let good: LiminalNode;
let liar: RawPeer;
/** A process of the node that is in a group, has a name, and keeps what it is sent. */
let worker: Pid;
let received: unknown[];

beforeEach(async () => {
  received = [];
  const options = { cookie: COOKIE, threads: 0 };
  node = await startNode({
    ...options,
    name: 'a@127.0.0.1',
    http: '127.0.0.1:0',
    groups: { maxGroups: 1_000, maxJoins: 2_000 },
  });
  worker = node.spawnLocal(async (self) => {
    await self.register('worker');
    for await (const message of self.messages()) received.push(message);
  }, []);
  await until('the worker has its name', () => node.whereis('worker') === worker);
  node.pg.join('workers', worker);
  good = await startNode({ ...options, name: 'good@127.0.0.1', seeds: [node.listen ?? ''] });
  await until('the good one knows of the worker', () => good.pg.members('workers').length === 1);
  liar = await connectLiar();
});

afterEach(async () => {
  liar.close();
  await Promise.all([node[Symbol.asyncDispose](), good[Symbol.asyncDispose]()]);
});

function connectLiar(): Promise<RawPeer> {
  const identity = { name: LIAR, creation: CREATION, cookie: COOKIE, hidden: false };
  return new RawPeer({ transport: netTransport, address: node.listen ?? '', identity }).until(({ up }) => up);
}

/** Where a pid is within its node, which is all that a frame can say of it. */
function at(pid: Pid): { thread: number; serial: number } {
  const { thread, serial } = parsePid(pid) ?? { thread: 0, serial: 0 };
  return { thread, serial };
}

function tellGroups(version: number, changes: readonly WireChange[], scope = 'application'): void {
  liar.send(FrameType.PG_UPDATE, encodeFrame(scope, { type: 'update', version, changes }));
}

/** What the node has counted, as its page of metrics shows it. */
async function counted(metric: string, reason: string): Promise<number> {
  const page = await (await fetch(`http://${node.http}/metrics`)).text();
  const line = page.split('\n').find((each) => each.startsWith(`${metric}{`) && each.includes(`reason="${reason}"`));
  return Number(line?.split(' ').at(-1) ?? 0);
}

/** All that the liar has sent has been read. */
async function read(): Promise<void> {
  const before = liar.frames.length;
  liar.send(FrameType.HEARTBEAT, Buffer.from('00000007', 'hex'));
  await liar.until(({ frames, ended }) => {
    const answers = frames.slice(before).filter(({ type }) => type === FrameType.HEARTBEAT_ACK);
    return ended !== undefined || answers.length > 0;
  });
}

async function expectUnharmed(): Promise<void> {
  expect(node.pg.localMembers('workers')).toEqual([worker]);
  expect(good.pg.members('workers').filter((pid) => !pid.startsWith(LIAR))).toEqual([worker]);
  expect(node.members().map(({ name }) => name)).toContain('good@127.0.0.1');
  const subscription = node.channel('orders').subscribe();
  await until('the good one knows of the subscriber', () => good.clusterSync.remoteTargets('orders').length > 0);
  await good.channel('orders').publish('still here');
  for await (const { payload, publisher } of subscription) {
    expect([payload, publisher.startsWith('good@127.0.0.1#')]).toEqual(['still here', true]);
    break;
  }
  subscription.close();
}

describe('a peer that lies', () => {
  it('can join, leave and speak for processes of its own alone, whatever it names', async () => {
    const snapshot = { type: 'snapshot', version: 0, part: 0, last: true, groups: [] } as const;
    liar.send(FrameType.PG_SNAPSHOT, encodeFrame('application', snapshot));
    tellGroups(1, [{ group: 'workers', ...at(worker), joins: 1 }]);
    await read();
    const own = `${LIAR}#${CREATION.toString(36)}.`;
    expect(node.pg.members('workers')).toEqual([worker, `${own}${at(worker).thread}.${at(worker).serial}`]);
    tellGroups(2, [{ group: 'workers', ...at(worker), joins: 0 }]);
    await read();
    expect(node.pg.members('workers')).toEqual([worker]);

    const subscription = node.channel('orders').subscribe();
    const publisher = good.scheduler.root;
    const head = { id: 'x', channel: 'orders', publisher, timestamp: 1, parents: [], contentType: 'a' };
    liar.send(FrameType.PUBLISH, encodePublication(head, encodeValue('lie')));
    for await (const envelope of subscription) {
      expect(envelope.publisher).toBe(`${own}${at(publisher).thread}.${at(publisher).serial}`);
      break;
    }
    subscription.close();
    await expectUnharmed();
  });

  it('and sends junk to every name and process of the node is ignored and counted, and nobody is dropped', async () => {
    const subscription = node.channel('orders').subscribe();
    const source = { thread: 0, serial: 9 };
    const junk = [
      ...[null, undefined, 0, '', 'x', [], {}, new Map(), new Error('x'), { signal: 'down' }, { signal: 'exit' }],
      ...[{ type: 'subscribe', channel: 'orders' }, { type: 'leave', group: 'workers' }, { type: 'stop' }],
      ...[
        { signal: 'call' },
        { signal: 'request' },
        { channel: 'orders' },
        { channel: 'other', publisher: 1, payload: 2 },
      ],
    ].map((value) => encodeValue(value));
    const broken = ['', '9a05f5e100', 'ff', 'd9dfff', '81'.repeat(70)].map((hex) => Buffer.from(hex, 'hex'));
    const names = ['liminal', 'worker', 'channels', 'pg', 'application', '__proto__', '', 'nobody'];
    for (const payload of [...junk, ...broken]) {
      for (const name of names) liar.send(FrameType.SIGNAL, signals.encodeMessageToName(name, source, payload));
      for (let serial = 0; serial < 20; serial++) {
        for (const thread of [0, 0xffffffff]) {
          liar.send(FrameType.SIGNAL, signals.encodeMessage({ thread, serial }, source, payload));
        }
      }
    }
    // A million and one empty objects, in as many bytes.
    const crowd = Buffer.concat([Buffer.from('9a000f4241', 'hex'), Buffer.alloc(1_000_001, 0xa0)]);
    liar.send(FrameType.SIGNAL, signals.encodeMessage(at(worker), source, crowd));
    await read();
    expect(liar.ended).toBeUndefined();
    expect(await counted('liminal_scheduler_dropped_total', 'too many objects')).toBe(1);
    expect(await counted('liminal_scheduler_dropped_total', 'too deep')).toBeGreaterThan(0);
    expect(await counted('liminal_requests_refused_total', 'malformed')).toBeGreaterThan(10);
    expect(await counted('liminal_scheduler_dropped_total', 'malformed')).toBeGreaterThan(10);
    expect(await counted('liminal_scheduler_dropped_total', 'no such name')).toBeGreaterThan(10);
    expect(await counted('liminal_scheduler_dropped_total', 'no such process')).toBeGreaterThan(10);
    // Whatever the worker was sent is its own to judge: it has all of it, and lives.
    expect(received.length).toBeGreaterThanOrEqual(2 * junk.length);
    await good.channel('orders').publish('after the junk');
    for await (const { payload } of subscription) {
      expect(payload).toBe('after the junk');
      break;
    }
    expect(await counted('liminal_scheduler_dropped_total', 'not for a subscription')).toBeGreaterThan(10);
    subscription.close();
    await expectUnharmed();
  });

  it('cannot end bonds that it has no part in', async () => {
    const seen: unknown[] = [];
    const watch = async (self: Self): Promise<void> => {
      self.link(worker);
      self.monitor(worker);
      for await (const message of self.messages()) seen.push(message);
    };
    const watcher = node.spawnLocal(watch, [], { trapExit: true });
    const ref = (number: number): Ref => `a@127.0.0.1!${node.creation.toString(36)}.0.${number}` as Ref;
    const [from, to] = [`${LIAR}#${CREATION.toString(36)}.0.${at(worker).serial}` as Pid, watcher];
    const bonds = ['link', 'unlink', 'unlinked'] as const;
    for (const type of bonds) liar.send(FrameType.SIGNAL, signals.encodeSignal({ type, from, to }));
    for (let number = 0; number < 50; number++) {
      for (const type of ['demonitor', 'monitored'] as const) {
        liar.send(FrameType.SIGNAL, signals.encodeSignal({ type, from, to, ref: ref(number) }));
      }
      const reason = 'lie';
      liar.send(FrameType.SIGNAL, signals.encodeSignal({ type: 'down', from, to, ref: ref(number), reason }));
    }
    // Along a link that there is not.
    liar.send(FrameType.SIGNAL, signals.encodeSignal({ type: 'exit', from, to: worker, linked: true, reason: 'kill' }));
    liar.send(FrameType.SIGNAL, signals.encodeThreadDown(0, 'lie'));
    await read();
    expect(seen).toEqual([]);
    await expectUnharmed();
  });

  it('is closed when it tells of more groups or joins than a node may have, and all that it told is gone', async () => {
    const groups = Array.from({ length: 600 }, (_, n) => ({
      group: `bomb ${n}`,
      members: [{ thread: 0, serial: n, joins: 1 }],
    }));
    const part = (number: number): Uint8Array =>
      encodeFrame('application', {
        type: 'snapshot',
        version: 1,
        part: number,
        last: false,
        groups: groups.map(({ group, members }) => ({ group: `${group} ${number}`, members })),
      });
    liar.send(FrameType.PG_SNAPSHOT, part(0));
    liar.send(FrameType.PG_SNAPSHOT, part(1));
    await liar.until(({ ended }) => ended !== undefined);
    expect(await counted('liminal_pg_refused_total', 'over limit')).toBe(1);
    expect(node.pg.whichGroups()).toEqual(['workers']);
    liar = await connectLiar();
    tellGroups(1, []);
    liar.send(FrameType.PG_SNAPSHOT, Buffer.from('ffff', 'hex'));
    await liar.until(({ ended }) => ended !== undefined);
    await expectUnharmed();
  });

  it('is answered a bounded number of snapshots, however often it asks', async () => {
    for (let n = 0; n < 5_000; n++) liar.send(FrameType.PG_RESYNC, encodeFrame('application', { type: 'resync' }));
    await read();
    expect(liar.heard.filter((type) => type === FrameType.PG_SNAPSHOT).length).toBeLessThan(30);
    expect(await counted('liminal_pg_refused_total', 'resync flood')).toBeGreaterThan(4_000);
    await expectUnharmed();
  });

  it('and sends frames that nobody knows is skipped or closed, as their type says', async () => {
    for (let type = 0x80; type <= 0xff; type++) {
      if (type !== FrameType.PG_ASK && type !== FrameType.PG_ACK) liar.send(type, Buffer.alloc(9));
    }
    await read();
    expect(liar.ended).toBeUndefined();
    expect(node.distribution.counters.unknownOptionalFrames).toBeGreaterThan(100);
    liar.send(99);
    await liar.until(({ ended }) => ended !== undefined);
    expect(await counted('liminal_distribution_protocol_errors_total', 'unknown frame')).toBe(1);
    await expectUnharmed();
  });
});
