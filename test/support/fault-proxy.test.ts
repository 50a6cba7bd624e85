/** What the proxy does to plain TCP connections, so that a scenario on it shows what it says. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from './cluster.js';
import { FaultProxy, Wire } from './fault-proxy.js';

/** One end of a connection, with what it has read and how it ended. */
interface End {
  readonly socket: Socket;
  readonly bytes: () => Buffer;
  length: number;
  ended: 'fin' | 'reset' | undefined;
}

function watch(socket: Socket): End {
  const chunks: Buffer[] = [];
  const end: End = { socket, bytes: () => Buffer.concat(chunks), length: 0, ended: undefined };
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    end.length += chunk.length;
  });
  socket.on('end', () => {
    end.ended ??= 'fin';
  });
  socket.on('error', () => {
    end.ended = 'reset';
  });
  return end;
}

let server: Server;
let target: string;
const accepted: End[] = [];
const open: Socket[] = [];
const proxies: FaultProxy[] = [];

beforeEach(async () => {
  accepted.length = 0;
  server = createServer({ allowHalfOpen: true }, (socket) => accepted.push(watch(socket)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  target = typeof address === 'object' && address !== null ? `127.0.0.1:${address.port}` : '';
});
afterEach(async () => {
  for (const { socket } of accepted) socket.destroy();
  for (const socket of open.splice(0)) socket.destroy();
  for (const proxy of proxies.splice(0)) await proxy[Symbol.asyncDispose]();
  await new Promise((resolve) => server.close(resolve));
});

async function start(options: Partial<Parameters<typeof FaultProxy.start>[0]> = {}): Promise<FaultProxy> {
  const proxy = await FaultProxy.start({ to: target, seed: 1, ...options });
  proxies.push(proxy);
  return proxy;
}

/** Both ends of a connection through the proxy. */
async function connected(proxy: FaultProxy): Promise<{ near: End; far: End }> {
  const before = accepted.length;
  const near = watch(connect({ port: Number(proxy.address.split(':')[1]), allowHalfOpen: true }));
  open.push(near.socket);
  await until('the target has the connection', () => accepted.length > before);
  const far = accepted[before];
  if (far === undefined) throw new Error('not accepted');
  return { near, far };
}

const pattern = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, at) => (at * 7) % 251));

describe('the fault-injecting proxy', () => {
  it('passes bytes both ways as they are, cut into pieces of any length, and FIN behind them', async () => {
    const proxy = await start();
    proxy.up.splits = true;
    proxy.down.splits = true;
    const { near, far } = await connected(proxy);
    const sent = pattern(100_000);
    near.socket.end(sent);
    far.socket.end(sent.subarray(5));
    await until('both have ended', () => near.ended !== undefined && far.ended !== undefined);
    expect([near.ended, far.ended]).toEqual(['fin', 'fin']);
    expect(far.bytes().equals(sent)).toBe(true);
    expect(near.bytes().equals(sent.subarray(5))).toBe(true);
    expect([proxy.up.passedBytes, proxy.down.passedBytes]).toEqual([100_000, 99_995]);
    expect(proxy.up.pieces).toBeGreaterThan(10);
    await until('the proxy has let go', () => proxy.connections === 0);
  });

  it('holds bytes back, and lets them through late, in order, when who sent them is gone', async () => {
    const proxy = await start();
    const { near, far } = await connected(proxy);
    near.socket.write('before ');
    await until('the first bytes are there', () => far.length === 7);
    proxy.up.mode = 'hold';
    near.socket.end('late');
    await until('the proxy keeps them', () => proxy.up.keptBytes === 4);
    far.socket.write('meanwhile');
    await until('the other direction passes', () => near.length === 9);
    expect(far.bytes().toString()).toBe('before ');
    expect(far.ended).toBeUndefined();
    proxy.up.mode = 'pass';
    await until('the end is told', () => far.ended !== undefined);
    expect(far.bytes().toString()).toBe('before late');
  });

  it('stalls one direction, so that its sender can write no more than the kernels hold', async () => {
    const proxy = await start();
    const { near, far } = await connected(proxy);
    proxy.up.mode = 'stall';
    const sent = pattern(32 * 2 ** 20);
    near.socket.write(sent);
    far.socket.write('there');
    await until('the other direction passes', () => near.length === 5);
    expect(near.socket.writableLength).toBeGreaterThan(0);
    expect(proxy.up.keptBytes).toBe(0);
    expect(proxy.up.passedBytes).toBe(0);
    proxy.up.mode = 'pass';
    await until('all is there', () => far.length === sent.length);
    expect(far.bytes().equals(sent)).toBe(true);
  });

  it('flips one bit of a chunk, the same under the same seed', async () => {
    const damage = async (seed: number): Promise<Buffer> => {
      const proxy = await start({ seed });
      const { near, far } = await connected(proxy);
      proxy.up.corruptNext();
      near.socket.write(pattern(100));
      await until('it is there', () => far.length === 100);
      near.socket.write('whole');
      await until('what follows is there', () => far.length === 105);
      expect(far.bytes().subarray(100).toString()).toBe('whole');
      return far.bytes().subarray(0, 100);
    };
    const once = await damage(5);
    const flipped = [...once].map((byte, at) => byte ^ (pattern(100)[at] ?? 0)).filter((bits) => bits !== 0);
    expect(flipped).toHaveLength(1);
    expect(Math.log2(flipped[0] ?? 0) % 1).toBe(0);
    expect((await damage(5)).equals(once)).toBe(true);
    expect((await damage(6)).equals(once)).toBe(false);
  });

  it('passes no more bytes a second than it is told', async () => {
    const proxy = await start();
    const { near, far } = await connected(proxy);
    proxy.up.bytesPerSecond = 10_000;
    const startedAt = performance.now();
    near.socket.write(pattern(2_000));
    await until('it is there', () => far.length === 2_000);
    // Time is a lower bound here, however slow the machine is.
    expect(performance.now() - startedAt).toBeGreaterThan(150);
    proxy.up.bytesPerSecond = 1;
    // More than it reads ahead.
    near.socket.write(pattern(4 * 2 ** 20));
    await until('it is kept', () => proxy.up.keptBytes > 200_000);
    proxy.up.bytesPerSecond = Number.POSITIVE_INFINITY;
    await until('the rest is there', () => far.length === 2_000 + 4 * 2 ** 20);
  });

  it('cuts with FIN or with a reset, swallows, refuses, and tells an end late', async () => {
    const proxy = await start();
    for (const how of ['fin', 'reset'] as const) {
      const { near, far } = await connected(proxy);
      proxy.cut(how);
      await until('both are told', () => near.ended !== undefined && far.ended !== undefined);
      expect([near.ended, far.ended]).toEqual([how, how]);
    }
    const { near, far } = await connected(proxy);
    proxy.up.mode = 'swallow';
    near.socket.write('lost');
    far.socket.write('there');
    await until('the other direction passes', () => near.length === 5);
    proxy.up.mode = 'pass';
    near.socket.write('kept');
    await until('it is there', () => far.length === 4);
    expect(far.bytes().toString()).toBe('kept');
    proxy.up.finDelayMs = 200;
    const startedAt = performance.now();
    near.socket.end();
    await until('the end is told', () => far.ended !== undefined);
    expect(performance.now() - startedAt).toBeGreaterThan(190);
    proxy.refuses = true;
    const refused = watch(connect({ port: Number(proxy.address.split(':')[1]) }));
    open.push(refused.socket);
    await until('it is refused', () => refused.ended !== undefined);
    expect(proxy.taken).toBe(4);
  });

  it('tells connections apart by their first bytes', async () => {
    const wires = { up: new Wire(1), down: new Wire(2) };
    const proxy = await start({ identify: (first) => (first.toString().startsWith('a') ? wires : undefined) });
    const near = watch(connect({ port: Number(proxy.address.split(':')[1]) }));
    const other = watch(connect({ port: Number(proxy.address.split(':')[1]) }));
    open.push(near.socket, other.socket);
    other.socket.write('b');
    await until('it is refused', () => other.ended === 'reset');
    near.socket.write('a is known');
    await until('it is there', () => accepted[0]?.bytes().length === 10);
    expect(wires.up.passedBytes).toBe(10);
    proxy.cut('reset', wires.up);
    await until('it is cut', () => near.ended === 'reset');
  });
});
