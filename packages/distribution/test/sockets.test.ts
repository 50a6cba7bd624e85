import { connect, createServer, type Server, type Socket } from 'node:net';
import type { NodeName } from '@liminal-node/scheduler';
import { afterEach, describe, expect, test } from 'vitest';
import { type Distribution, startDistribution } from '../src/distribution.js';
import { encodeFrame, FrameDecoder } from '../src/frame.js';
import { FrameType } from '../src/frame-type.js';
import { decodeRefusal } from '../src/handshake-message.js';
import type { DistributionOptions } from '../src/options.js';
import { observe, sessionWith, TEST_FRAME, type TestNode } from './cluster.js';

const LOCAL = { host: '127.0.0.1', port: 0 };
const cleanUp: (() => unknown)[] = [];
let creation = 0;

afterEach(async () => {
  await Promise.all(cleanUp.splice(0).map((undo) => undo()));
});

/** Lines that the node logged, and a promise of the next that matches. */
class Log {
  readonly lines: string[] = [];
  #waiting: (() => void)[] = [];
  readonly logger = {
    debug: () => {},
    info: () => {},
    warn: (_: object, line: string) => this.#add(line),
    error: (_: object, line: string) => this.#add(line),
  };

  #add(line: string): void {
    this.lines.push(line);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async has(pattern: RegExp): Promise<void> {
    while (!this.lines.some((line) => pattern.test(line)))
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

async function start(name: string, options: Partial<DistributionOptions> = {}): Promise<TestNode> {
  const node = observe(
    await startDistribution({
      name: `${name}@h` as NodeName,
      creation: ++creation,
      cookie: 'secret',
      listen: LOCAL,
      redialMaxMs: 500,
      ...options,
    }),
  );
  cleanUp.push(() => node.stop());
  return node;
}

/** Resolves when `node` has sessions with exactly `count` peers. */
async function connected(node: Distribution, count: number): Promise<void> {
  if (node.sessions().length === count) return;
  for await (const _ of node.membership()) if (node.sessions().length === count) return;
}

async function nextEvent(node: TestNode, pattern: RegExp): Promise<void> {
  while (!node.events.some((event) => pattern.test(event))) {
    await new Promise<void>((resolve) => {
      const remove = node.onMembership('everyone', () => {
        remove();
        resolve();
      });
    });
  }
}

const portOf = (node: TestNode): number => Number(node.address.split(':')[1]);

/** It does not answer the end of the other side with its own, unlike a node. */
function dialRaw(port: number): Socket {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.on('error', () => {});
  cleanUp.push(() => socket.destroy());
  return socket;
}

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) =>
    socket
      .resume()
      .once('end', () => resolve())
      .once('close', () => resolve()),
  );

/** A TCP proxy to `port` that can stop to read, which freezes the connection in both directions. */
async function proxy(port: number): Promise<{ address: string; freeze(): void; thaw(): void }> {
  const sockets: Socket[] = [];
  let frozen = false;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const target = dialRaw(port);
    sockets.push(socket, target);
    for (const [from, to] of [
      [socket, target],
      [target, socket],
    ] as const) {
      from.on('error', () => {});
      from.on('data', (bytes) => to.write(bytes));
      from.on('end', () => !frozen && to.end());
      from.on('close', () => !frozen && to.destroy());
      if (frozen) from.pause();
    }
  });
  await listen(server);
  return {
    address: `127.0.0.1:${addressOf(server)}`,
    freeze: () => {
      frozen = true;
      for (const socket of sockets) socket.pause();
    },
    thaw: () => {
      frozen = false;
      for (const socket of sockets) socket.resume();
    },
  };
}

async function listen(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  cleanUp.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
}

const addressOf = (server: Server): number => (server.address() as { port: number }).port;

describe('nodes over TCP', () => {
  test('carry frames in order, small and large, both ways, through any cut that TCP makes', async () => {
    const a = await start('a', { maxDataQueueBytes: 2 ** 27 });
    const b = await start('b', { seeds: [a.address], maxDataQueueBytes: 2 ** 27 });
    const sizes = Array.from({ length: 2_000 }, (_, at) => (at % 100 === 0 ? 512 * 1_024 : (at * 7_919) % 3_000));
    const received = [a, b].map((node) => {
      const got: number[] = [];
      return new Promise<number[]>((resolve) =>
        node.onFrame(100, (_session, body) => {
          got.push(body.length > 0 && body.some((byte) => byte !== body[0]) ? -1 : body.length);
          if (got.length === sizes.length) resolve(got);
        }),
      );
    });
    await Promise.all([connected(a, 1), connected(b, 1)]);
    for (const [from, to] of [
      [a, 'b'],
      [b, 'a'],
    ] as const) {
      for (const [at, size] of sizes.entries())
        expect(from.send(sessionWith(from, to), 100, Buffer.alloc(size, at), 'data')).toBe('queued');
    }
    expect(await Promise.all(received)).toEqual([sizes, sizes]);
  });

  test('a long frame and a long queue of some senders hold up no other, whose own frames keep their order (A40, F40; conformance N22)', async () => {
    const limits = { maxDataQueueBytes: 2 ** 28, maxFrameBytes: 2 ** 26 + 1 };
    const a = await start('a', limits);
    const b = await start('b', { seeds: [a.address], ...limits });
    const order: string[] = [];
    const complete = new Promise<void>((resolve) =>
      a.onFrame(100, (_session, body) => {
        order.push(`${String.fromCharCode(body[0] as number)} ${body.length}`);
        if (order.length === 105) resolve();
      }),
    );
    await Promise.all([connected(a, 1), connected(b, 1)]);
    const session = sessionWith(b, 'a');
    const long = Buffer.alloc(2 ** 26, 'l');
    b.send(session, 100, long, 'data', 1);
    for (let n = 0; n < 100; n++) b.send(session, 100, Buffer.alloc(2 ** 19, 'q'), 'data', 2);
    // One sends 1 MiB and then its last signal; another only its last signal.
    b.send(session, 100, Buffer.alloc(2 ** 20, 'm'), 'data', 3);
    b.send(session, 100, Buffer.from('exit'), 'signal', 3);
    b.send(session, 100, Buffer.from('bye'), 'signal', 4);
    b.send(session, 100, Buffer.from('control'), 'control');
    await complete;
    expect(order.slice(0, 2)).toEqual(['c 7', 'b 3']);
    const [mebibyte, exit, whole] = [`m ${2 ** 20}`, 'e 4', `l ${2 ** 26}`].map((each) => order.indexOf(each));
    expect(exit).toBe((mebibyte as number) + 1);
    expect(exit).toBeLessThan(40);
    expect(whole).toBeGreaterThan(100);
    expect(a.events).toEqual(['up b@h']);
  });

  test('a flush means that the kernel has it: a node that stops right after has delivered', async () => {
    const a = await start('a');
    const b = await start('b', { seeds: [a.address] });
    let bytes = 0;
    a.onFrame(100, (_session, body) => {
      bytes += body.length;
    });
    await Promise.all([connected(a, 1), connected(b, 1)]);
    for (let i = 0; i < 50; i++) b.send(sessionWith(b, 'a'), 100, Buffer.alloc(100_000), 'data');
    await b.flush();
    expect(b.counters.framesOut).toBeGreaterThanOrEqual(50);
    await b.stop();
    await nextEvent(a, /^down b@h/);
    expect(bytes).toBe(5_000_000);
  });

  test('a wrong cookie is refused, both ends say why with both names, and the listener goes on (conformance N2)', async () => {
    const [logA, logB] = [new Log(), new Log()];
    const a = await start('a', { logger: logA.logger });
    const b = await start('b', { cookie: 'other', seeds: [a.address], logger: logB.logger });
    await Promise.all([
      logA.has(/no connection with b@h: a@h and b@h do not have the same cookie/),
      logB.has(/no connection with a@h: a@h and b@h do not/),
    ]);
    expect([a.counters.handshakesRefused['cookie'], b.counters.handshakesRefusedByPeer['cookie']]).toEqual([
      expect.any(Number),
      expect.any(Number),
    ]);
    const c = await start('c', { seeds: [a.address] });
    await connected(c, 1);
    expect([a.events, b.events, b.peers()[0]?.lastFailure]).toEqual([['up c@h'], [], 'cookie']);
  });

  test('silent, garbage and half-way peers are gone by the deadline, leave nothing, and keep nobody out (conformance N29)', async () => {
    const a = await start('a', { handshakeTimeoutMs: 300 });
    const silent = dialRaw(portOf(a));
    const garbage = dialRaw(portOf(a));
    garbage.write('GET / HTTP/1.1\r\n\r\n');
    const huge = dialRaw(portOf(a));
    huge.write(Buffer.from('ffffffff01', 'hex'));
    const halfFrame = dialRaw(portOf(a));
    halfFrame.write(encodeFrame(FrameType.HELLO, Buffer.alloc(90)).subarray(0, 50));
    const gone = dialRaw(portOf(a));
    gone.end();
    const half = dialRaw(portOf(a));
    const seed = createServer((socket) => {
      socket.on('error', () => {});
      half.on('data', (bytes) => socket.write(bytes));
      // The true hello of another node goes through; its proof does not.
      socket.once('data', (bytes) => half.write(bytes));
    });
    await listen(seed);
    const stuck = await start('stuck', {
      seeds: [`127.0.0.1:${addressOf(seed)}`],
      handshakeTimeoutMs: 300,
      listen: null,
    });
    await Promise.all([silent, garbage, huge, halfFrame, gone, half].map(closed));
    expect([a.events, a.sessions(), stuck.events]).toEqual([[], [], []]);
    expect(a.counters.handshakesRefused).toMatchObject({ deadline: expect.any(Number), malformed: 2 });
    const b = await start('b', { seeds: [a.address] });
    await connected(b, 1);
    await connected(a, 1);
    expect(a.events).toEqual(['up b@h']);
  });

  test('a stranger who asks for a frame of 4 GiB is told no', async () => {
    const a = await start('a');
    const socket = dialRaw(portOf(a));
    const refusal = new Promise<string>((resolve) => {
      const decoder = new FrameDecoder(1_024);
      socket.on('data', (bytes) =>
        decoder.push(bytes, (_type, body) => resolve(decodeRefusal(body).text) === undefined),
      );
    });
    socket.write(Buffer.from('ffffffff01', 'hex'));
    expect(await refusal).toBe('frame of 4294967295 bytes announced; at most 1024');
    expect(a.counters.handshakesRefused).toEqual({ malformed: 1 });
  });

  test('a peer with the cookie who asks for a frame of 4 GiB is retired, and the others never notice', async () => {
    const a = await start('a');
    const c = await start('c', { seeds: [a.address] });
    await connected(a, 1);
    let inject: Socket | undefined;
    const between = createServer((socket) => {
      inject = dialRaw(portOf(a));
      socket.on('error', () => {});
      socket.on('data', (bytes) => inject?.write(bytes));
      inject.on('data', (bytes) => socket.write(bytes));
      inject.on('close', () => socket.destroy());
    });
    await listen(between);
    const b = await start('b', {
      seeds: [`127.0.0.1:${addressOf(between)}`],
      dialLearned: false,
      listen: null,
      redialMinMs: 400,
    });
    await connected(b, 1);
    await connected(a, 2);
    inject?.write(Buffer.from('ffffffff20', 'hex'));
    await nextEvent(a, /^down b@h protocol error: frame too long/);
    expect(a.counters.protocolErrors).toEqual({ 'frame too long': 1 });
    expect(c.events).toEqual(['up a@h']);
  });

  test.each([3, 8])(
    '%i nodes that dial one another at once end with one connection a pair (conformance N7)',
    async (size) => {
      const nodes: TestNode[] = [];
      for (let at = 0; at < size; at++) nodes.push(await start(`n${at}`));
      for (const node of nodes) for (const peer of nodes) node.connect(peer.address);
      await Promise.all(nodes.map((node) => connected(node, size - 1)));
      for (const node of nodes) {
        const ups = node.events.filter((event) => event.startsWith('up')).length;
        expect([node.sessions().length, ups]).toEqual([size - 1, size - 1]);
        expect(node.peers().filter(({ state }) => state === 'self')).toHaveLength(1);
      }
    },
  );

  test('a node that is known by two addresses is connected once, without a bounce', async () => {
    for (let round = 0; round < 5; round++) {
      const a = await start('a');
      const b = await start('b', { listen: null, seeds: [a.address, `localhost:${portOf(a)}`] });
      await Promise.all([connected(a, 1), connected(b, 1)]);
      while (b.peers().some(({ state }) => state !== 'connected'))
        await new Promise((resolve) => setImmediate(resolve));
      expect([a.events, b.events]).toEqual([['up b@h'], ['up a@h']]);
    }
  });

  test('seeds that are down at boot are joined when they start', async () => {
    const probe = createServer();
    await listen(probe);
    const port = addressOf(probe);
    await new Promise((resolve) => probe.close(resolve));
    const b = await start('b', { seeds: [`127.0.0.1:${port}`], redialMinMs: 10 });
    while (b.counters.dialsFailed['ECONNREFUSED'] === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(b.peers()[0]).toMatchObject({
      state: expect.stringMatching(/waiting|dialing/),
      lastFailure: 'ECONNREFUSED',
    });
    await start('a', { listen: { host: '127.0.0.1', port } });
    await connected(b, 1);
    expect(b.events).toEqual(['up a@h']);
  });

  test('a peer that stops reading costs the others nothing; what it misses is counted, and it goes down (conformance N20)', async () => {
    const [stuck, c] = [await start('stuck'), await start('c')];
    const frozen = await proxy(portOf(stuck));
    const b = await start('b', {
      seeds: [frozen.address, c.address],
      dialLearned: false,
      listen: null,
      maxDataQueueBytes: 2 ** 20,
      writeTimeoutMs: 2_000,
    });
    await connected(b, 2);
    let frames = 0;
    const all = new Promise<void>((resolve) => c.onFrame(100, () => ++frames === 5_000 && resolve()));
    frozen.freeze();
    const body = Buffer.alloc(10_000);
    const [toStuck, toC] = [sessionWith(b, 'stuck'), sessionWith(b, 'c')];
    let dropped = 0;
    for (let i = 0; i < 5_000; i++) {
      if (b.send(toStuck, 100, body, 'data') === 'dropped') dropped++;
      expect(b.send(toC, 100, body, 'data')).toBe('queued');
      if (i % 20 === 19) await b.flush([toC]);
    }
    await all;
    expect(dropped).toBeGreaterThan(1_000);
    expect(b.counters.dropped['data budget']).toBe(dropped);
    await nextEvent(b, /^down stuck@h write timeout/);
    expect(toC.up).toBe(true);
  });

  test('a frozen peer is found by its silence', async () => {
    const a = await start('a', { heartbeatIntervalMs: 50, heartbeatTimeoutMs: 400, listen: LOCAL });
    const between = await proxy(portOf(a));
    const b = await start('b', {
      seeds: [between.address],
      heartbeatIntervalMs: 50,
      heartbeatTimeoutMs: 400,
      listen: null,
      dialLearned: false,
    });
    await Promise.all([connected(a, 1), connected(b, 1)]);
    between.freeze();
    await Promise.all([nextEvent(a, /^down b@h silent/), nextEvent(b, /^down a@h silent/)]);
    between.thaw();
    await connected(b, 1);
    expect(b.events.slice(0, 3)).toEqual(['up a@h', 'down a@h silent', 'up a@h']);
  });

  test('a stalled event loop of its own brings nobody down', async () => {
    const options = { heartbeatIntervalMs: 50, heartbeatTimeoutMs: 200 };
    const a = await start('a', options);
    const b = await start('b', { seeds: [a.address], ...options });
    await Promise.all([connected(a, 1), connected(b, 1)]);
    const busyUntil = performance.now() + 1_000;
    while (performance.now() < busyUntil);
    const { id } = sessionWith(b, 'a');
    const answered = new Promise<void>((resolve) => b.onFrame(100, () => resolve()));
    a.send(sessionWith(a, 'b'), 100, Buffer.alloc(1), 'data');
    await answered;
    expect([sessionWith(b, 'a').id, a.events, b.events]).toEqual([id, ['up b@h'], ['up a@h']]);
  });

  test('a node that restarts under its name: down, then up with the new life (conformance N8)', async () => {
    const a = await start('a', { redialMinMs: 10 });
    const first = await start('b', { seeds: [a.address] });
    await connected(a, 1);
    const old = sessionWith(a, 'b');
    await first.stop();
    const second = await start('b', { seeds: [a.address] });
    await connected(second, 1);
    await nextEvent(a, /^down/);
    await connected(a, 1);
    expect(a.events.slice(0, 3)).toEqual(['up b@h', expect.stringMatching(/^down b@h/), 'up b@h']);
    expect(sessionWith(a, 'b').creation).toBe(old.creation + 1);
  });

  test('a leave is acknowledged before it resolves, and the peer sees it as left', async () => {
    const a = await start('a');
    const b = await start('b', { seeds: [a.address] });
    await Promise.all([connected(a, 1), connected(b, 1)]);
    await b.leave();
    expect(sessionWith(a, 'b').leaving).toBe(true);
    await b.stop();
    await nextEvent(a, /^down b@h left/);
    expect(a.peers()).toEqual([]);
  });

  test('a port that is taken is a ListenError that names it, and nothing is started', async () => {
    const a = await start('a');
    const taken = start('b', { listen: { host: '127.0.0.1', port: portOf(a) }, seeds: [a.address] });
    await expect(taken).rejects.toMatchObject({
      code: 'ERR_LIMINAL_LISTEN',
      address: a.address,
      cause: { code: 'EADDRINUSE' },
    });
    await expect(start('b', { listen: { host: '203.0.113.1', port: 0 } })).rejects.toMatchObject({
      code: 'ERR_LIMINAL_LISTEN',
    });
    expect(a.events).toEqual([]);
  });

  test('stopping is idempotent and bounded by a peer that never closes, and the port is free at once', async () => {
    const a = await start('a', { closeTimeoutMs: 100 });
    const between = await proxy(portOf(a));
    const b = await start('b', { seeds: [between.address], listen: null, dialLearned: false });
    await Promise.all([connected(a, 1), connected(b, 1)]);
    between.freeze();
    dialRaw(portOf(a));
    await Promise.all([a.stop(), a.stop()]);
    const again = await start('a', { listen: { host: '127.0.0.1', port: portOf(a) } });
    expect(again.address).toBe(a.address);
  });

  test('works over IPv6 as well', async () => {
    const a = await start('a', { listen: { host: '::1', port: 0 } });
    expect(a.address).toMatch(/^\[::1\]:\d+$/);
    const b = await start('b', { seeds: [a.address] });
    await connected(b, 1);
    expect(TEST_FRAME).toBe(72);
  });
});
