/** Who does not keep to the protocol, before the handshake is over and after it; see also `sockets.test.ts`. */
import { ByteWriter, type NodeName } from '@liminal-node/scheduler';
import { describe, expect, test } from 'vitest';
import { encodeFrame } from '../src/frame.js';
import { FrameDeadline } from '../src/frame-deadline.js';
import { FrameType } from '../src/frame-type.js';
import type { Identity } from '../src/handshake.js';
import { decodeHello, decodeRefusal, encodeHello } from '../src/handshake-message.js';
import { decodeLosses } from '../src/loss-notice.js';
import type { DistributionOptions } from '../src/options.js';
import { type Cluster, createCluster, sessionWith, type TestNode } from './cluster.js';
import { collectGarbage } from './collect-garbage.js';
import { RawPeer, type Tamper } from './raw-peer.js';

const { CHALLENGE, HELLO, PROOF, REFUSE, WELCOME } = FrameType;
const deaf = { opened: () => {}, data: () => {}, closed: () => {} };

function stranger({ network }: Cluster, { address }: TestNode, identity: Partial<Identity>, tamper?: Tamper): RawPeer {
  return new RawPeer({ transport: network.transport, address, identity, ...(tamper !== undefined && { tamper }) });
}

async function nodeWithPeer(options: Partial<DistributionOptions> = {}) {
  const cluster = createCluster();
  const a = await cluster.start('a', options);
  const b = await cluster.start('b', { seeds: [a.address], dialLearned: false });
  await cluster.environment.advance(0);
  return { ...cluster, cluster, a, b };
}

function idle({ network }: Cluster, { address }: TestNode): void {
  const [host = '', port] = address.split(':');
  network.transport.dial(host, Number(port), deaf);
}

describe('a peer that does not know the cookie', () => {
  test('is told the same, in the same steps, whatever it calls itself', async () => {
    const { cluster, environment, a } = await nodeWithPeer();
    const names = ['x@h', 'a@h', 'b@h', 'B@other.example'];
    const answers: unknown[] = [];
    for (const name of names) {
      const peer = stranger(cluster, a, { cookie: 'guessed' }, ({ type, body }) => {
        const renamed = type === HELLO ? encodeHello({ ...decodeHello(body), name: name as NodeName }) : body;
        return { type, body: Buffer.from(renamed) };
      });
      await environment.advance(0);
      const refusal = decodeRefusal(peer.frames.at(-1)?.body ?? Buffer.alloc(0));
      answers.push([peer.heard, refusal.code, refusal.text.replaceAll(name, 'NAME'), peer.frames[0]?.body.length]);
      await environment.advance(1_000);
    }
    const [first] = answers as [unknown[]];
    expect(first.slice(0, 2)).toEqual([[CHALLENGE, REFUSE], 'cookie']);
    // The node's own name is what it said of itself in its challenge.
    answers[1] = [...(answers[1] as unknown[]).with(2, first[2])];
    expect(answers).toEqual(names.map(() => first));
    expect(a.events).toEqual(['up b@h']);
  });

  test('may try a bounded number of times a second, and then is not listened to for a while', async () => {
    const { cluster, environment, a } = await nodeWithPeer({ maxFailuresPerSource: 20 });
    let answered = 0;
    for (let n = 0; n < 1_000; n++) {
      const peer = stranger(cluster, a, { cookie: `guess ${n}` });
      await environment.advance(1);
      if (peer.heard.length > 0) answered++;
    }
    expect(answered).toBeGreaterThanOrEqual(20);
    expect(answered).toBeLessThanOrEqual(41);
    expect(a.counters.handshakesRefused).toEqual({ cookie: answered, 'too many failures': 1_000 - answered });
    await environment.advance(1_000);
    const friend = stranger(cluster, a, {});
    await environment.advance(0);
    expect(friend.up).toBe(true);
  });

  test('leaves nothing behind, however often it tries', async () => {
    const { cluster, environment, network, a } = await nodeWithPeer({ maxFailuresPerSource: 65_536 });
    const tries = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n++) {
        stranger(cluster, a, { name: `n${n}@h` as NodeName, cookie: 'guessed' });
        await environment.advance(1);
      }
      await environment.advance(2_000);
      collectGarbage();
    };
    const tables = [network.connections, a.peers().length];
    const grown: number[] = [];
    for (let round = 0; round < 12; round++) {
      const before = process.memoryUsage().heapUsed;
      await tries(1_000);
      grown.push(process.memoryUsage().heapUsed - before);
    }
    expect([network.connections, a.peers().length]).toEqual(tables);
    // The heartbeat and the write deadline of both nodes.
    expect(environment.timers).toBeLessThanOrEqual(4);
    // Code that has run often is compiled, which takes memory too, for some rounds. 50 bytes a try show in the others.
    const late = grown.slice(6);
    expect(late.reduce((sum, bytes) => sum + bytes)).toBeLessThan(late.length * 50_000);
    expect(a.counters.handshakesRefused).toEqual({ cookie: 12_000 });
    expect(a.events).toEqual(['up b@h']);
  });

  test('is refused whichever byte of its hello is changed on the way: name, version, role, flags and the rest', async () => {
    const { cluster, environment, a } = await nodeWithPeer({ maxFailuresPerSource: 65_536 });
    let bytes = 1;
    for (let at = 0; at < bytes; at++) {
      const peer = stranger(cluster, a, {}, ({ type, body }) => {
        bytes = Math.max(bytes, type === HELLO ? body.length : 0);
        if (type === HELLO) body[at] = (body[at] as number) ^ (1 << (at % 8));
        return { type, body };
      });
      await environment.advance(0);
      expect([at, peer.up, peer.heard.at(-1)]).toEqual([at, false, REFUSE]);
    }
    expect(bytes).toBeGreaterThan(60);
    expect(a.events).toEqual(['up b@h']);
  });

  test('has no use for what a true peer once sent, in 1,000 tries', async () => {
    const { cluster, environment, a } = await nodeWithPeer({ maxFailuresPerSource: 65_536 });
    const recorded: Buffer[] = [];
    const honest = stranger(cluster, a, {}, (frame) => {
      recorded.push(Buffer.from(encodeFrame(frame.type, frame.body)));
      return frame;
    });
    await environment.advance(0);
    expect([honest.up, recorded.length]).toEqual([true, 2]);
    for (let n = 0; n < 1_000; n++) {
      const replay = stranger(cluster, a, {}, () => undefined);
      await environment.advance(0);
      for (const frame of recorded) replay.write(frame);
      await environment.advance(0);
      expect(replay.heard).toEqual([CHALLENGE, REFUSE]);
      replay.close();
    }
    expect(a.events).toEqual(['up b@h', 'up raw@h']);
  });

  test('has no use for what the node itself says', async () => {
    const { cluster, environment, a } = await nodeWithPeer();
    // The node's own challenge, sent back as a hello and as a proof; its proof is not had without the cookie.
    const mirror = stranger(cluster, a, {}, (frame) => (frame.type === HELLO ? frame : undefined));
    await environment.advance(0);
    const challenge = mirror.frames[0]?.body ?? Buffer.alloc(0);
    mirror.send(PROOF, challenge.subarray(0, 40));
    const other = stranger(cluster, a, {}, () => undefined);
    await environment.advance(0);
    other.send(HELLO, challenge.subarray(0, -2));
    await environment.advance(0);
    expect([mirror.heard, other.heard]).toEqual([[CHALLENGE, REFUSE], [REFUSE]]);
    expect([...mirror.heard, ...other.heard]).not.toContain(WELCOME);
    expect(a.events).toEqual(['up b@h']);
  });
});

describe('handshakes', () => {
  test('that say nothing give way, the oldest first, before one that speaks', async () => {
    const { cluster, environment, a } = await nodeWithPeer({ maxHandshakes: 4 });
    let proof: (() => void) | undefined;
    const slow = stranger(cluster, a, {}, (frame) => {
      if (frame.type === HELLO) return frame;
      proof = () => slow.send(frame.type, frame.body);
      return undefined;
    });
    await environment.advance(0);
    for (let n = 0; n < 50; n++) idle(cluster, a);
    await environment.advance(0);
    expect(a.counters.handshakesRefused).toEqual({ 'crowded out': 47 });
    proof?.();
    await environment.advance(0);
    expect(slow.up).toBe(true);
  });

  test('that speak and stop there are bounded as well', async () => {
    const { cluster, environment, a } = await nodeWithPeer({ maxHandshakes: 4 });
    const halfWay: Tamper = (frame) => (frame.type === HELLO ? frame : undefined);
    const peers = Array.from({ length: 10 }, () => stranger(cluster, a, {}, halfWay));
    await environment.advance(0);
    expect(peers.map(({ ended }) => ended !== undefined)).toEqual([...Array(6).fill(true), ...Array(4).fill(false)]);
    await environment.advance(5_000);
    expect(a.counters.handshakesRefused).toEqual({ 'crowded out': 6, deadline: 4 });
  });

  test('have 3 s in all, however busily a peer drips its bytes', async () => {
    const { cluster, environment, a } = await nodeWithPeer();
    const dripping = stranger(cluster, a, {}, () => undefined);
    const hello = encodeFrame(HELLO, Buffer.alloc(900, 1));
    for (let at = 0; dripping.ended === undefined && at < hello.length; at++) {
      dripping.write(hello.subarray(at, at + 1));
      await environment.advance(100);
      expect(at).toBeLessThanOrEqual(30);
    }
    expect(a.counters.handshakesRefused).toEqual({ deadline: 1 });
  });
});

describe('a peer that knows the cookie', () => {
  test('and drips one frame for longer than its deadline is closed, though every byte is a sign of life', async () => {
    const { cluster, environment, a } = await nodeWithPeer({ frameTimeoutMs: 10_000 });
    const peer = stranger(cluster, a, {});
    await environment.advance(0);
    peer.alive = false;
    const frame = encodeFrame(200, Buffer.alloc(1_000));
    let sent = 0;
    while (peer.ended === undefined && sent < frame.length) {
      peer.write(frame.subarray(sent, ++sent));
      await environment.advance(500);
    }
    expect(a.events).toEqual(['up b@h', 'up raw@h', 'down raw@h frame deadline']);
    expect(sent).toBeGreaterThanOrEqual(20);
    expect(sent).toBeLessThanOrEqual(31);
    expect(a.counters.sessionsDown).toEqual({ 'frame deadline': 1 });
  });

  test('and whose frames arrive in pieces, each in time, stays', async () => {
    const { cluster, environment, a } = await nodeWithPeer({ frameTimeoutMs: 10_000 });
    const peer = stranger(cluster, a, {});
    await environment.advance(0);
    peer.alive = false;
    const half = encodeFrame(200, Buffer.alloc(100)).subarray(0, 50);
    const rest = encodeFrame(200, Buffer.alloc(100)).subarray(50);
    peer.write(half);
    for (let n = 0; n < 10; n++) {
      await environment.advance(8_000);
      peer.write(Buffer.concat([rest, half]));
    }
    await environment.advance(0);
    expect(a.events).toEqual(['up b@h', 'up raw@h']);
    expect(a.counters.unknownOptionalFrames).toBe(10);
  });

  test('and says that it leaves without end, or that nothing comes next, changes nothing for others', async () => {
    const { cluster, environment, a } = await nodeWithPeer();
    const peer = stranger(cluster, a, {});
    await environment.advance(0);
    for (let n = 0; n < 1_000; n++) {
      peer.send(FrameType.LEAVE);
      peer.send(FrameType.LEAVE_ACK);
      peer.send(FrameType.HEARTBEAT_ACK, new ByteWriter().u32(n).take());
    }
    await environment.advance(100);
    expect(a.events).toEqual(['up b@h', 'up raw@h']);
    expect(sessionWith(a, 'b').up).toBe(true);
  });
});

test('a notice of losses that is longer than any is refused, whatever it says', () => {
  const kinds = (count: number): Buffer =>
    Buffer.concat([Buffer.of(count >> 8, count), Buffer.alloc(9 * count, Buffer.from('300000000000010000', 'hex'))]);
  expect(decodeLosses(kinds(3_000))).toHaveLength(3_000);
  expect(() => decodeLosses(kinds(4_000))).toThrow(expect.objectContaining({ reason: 'bad loss notice' }));
});

test('a frame deadline counts one frame only, and no time in which this node itself was late', () => {
  const deadline = new FrameDeadline(10);
  expect([deadline.isOver(0, 0, false), deadline.isOver(0, 50, false)]).toEqual([false, false]);
  expect([deadline.isOver(1, 60, false), deadline.isOver(2, 75, false)]).toEqual([false, false]);
  expect([deadline.isOver(2, 84, false), deadline.isOver(2, 85, false)]).toEqual([false, true]);
  expect([deadline.isOver(2, 95, true), deadline.isOver(2, 104, false)]).toEqual([false, false]);
  expect(deadline.isOver(2, 105, false)).toBe(true);
});
