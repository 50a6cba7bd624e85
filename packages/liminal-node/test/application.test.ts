/** The application of a node: its start, its end by itself, and the drain that stops it. */
import { createConnection } from 'node:net';
import {
  type App,
  ApplicationError,
  call,
  cast,
  child,
  type LiminalNode,
  type NodeOptions,
  type Pid,
  type ServedBy,
  type ServerAddress,
  startNode,
  whichChildren,
} from 'liminal-node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bystander, part, partSpec, shop } from './fixtures/application-parts.js';

let log: string[];
let lines: { readonly level: string; readonly message: string }[];
let nodes: LiminalNode[];
beforeEach(() => {
  log = [];
  lines = [];
  nodes = [];
});
afterEach(async () => {
  await Promise.all(nodes.map((node) => node.drain()));
});

const keep =
  (level: string) =>
  (_fields: object, message: string): void =>
    void lines.push({ level, message });

/** A node without an application, which keeps the log of parts. */
async function bare(options: Partial<NodeOptions> = {}): Promise<LiminalNode> {
  const logger = { debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') };
  const node = await startNode({ cookie: 'the cookie of this test', threads: 1, logger, ...options });
  nodes.push(node);
  if (options.app === undefined) node.scheduler.provide('log', (_from, text) => void log.push(String(text)));
  return node;
}

/** A node with an application, which keeps the log of its parts. */
async function start(app: App, options: Partial<NodeOptions> = {}): Promise<LiminalNode> {
  return bare({
    ...options,
    app: async (node) => {
      nodes.push(node);
      node.scheduler.provide('log', (_from, text) => void log.push(String(text)));
      return typeof app === 'function' ? app(node) : app;
    },
  });
}

async function pidOf(node: LiminalNode, id: string): Promise<Pid> {
  const me = node.attach();
  const [info] = (await whichChildren(me, node.application ?? me.pid)).filter((one) => one.id === id);
  me.close();
  if (info?.pid === undefined) throw new Error(`${id} does not run`);
  return info.pid;
}

async function crash(node: LiminalNode, name: string): Promise<void> {
  await using me = node.attach();
  await expect(call(me, { name } as ServerAddress<ServedBy<typeof part>>, 'crash', [])).rejects.toMatchObject({
    code: 'ERR_LIMINAL_CALL',
  });
}

describe('a node with an application', () => {
  test('is up when the tree is, and stops it in reverse order when it drains', async () => {
    const inner = child(shop, [{ children: [partSpec('b'), partSpec('c')] }], { id: 'inner' });
    const node = await start([partSpec('a'), inner, partSpec('d')]);
    expect(log).toEqual(['init a', 'init b', 'init c', 'init d']);
    expect(node.health()).toMatchObject({ ready: true });
    expect(node.whereis('d')).toBe(await pidOf(node, 'd'));
    log = [];
    expect(await node.drain()).toEqual({ cut: [], application: undefined });
    expect(log.map((text) => text.split(' ')[1])).toEqual(['d', 'c', 'b', 'a']);
    expect(await node.closed).toEqual({ cut: [], application: undefined });
  });

  test('takes a supervisor, and a tree from a function that is called with the node', async () => {
    const top = child(shop, [{ children: [partSpec('a')] }], { name: 'top' });
    const node = await start(async ({ name }) => (name === 'x@127.0.0.1' ? top : undefined), { name: 'x@127.0.0.1' });
    expect(node.whereis('top')).toBe(node.application);
    const other = await start(() => {});
    expect(other.application).toBeUndefined();
    expect(await other.drain()).toEqual({ cut: [], application: undefined });
  });

  test('is not ready while it starts', async () => {
    let health: unknown;
    await start((node) => {
      health = node.health();
    });
    expect(health).toMatchObject({ ready: false, unmet: ['the application is starting'] });
  });

  test('has one application alone', async () => {
    const node = await start([partSpec('a')]);
    await expect(node.startApp([partSpec('b')])).rejects.toThrow('already');
  });
});

describe('a node whose application does not start', () => {
  test('is not started, and says which child failed and why', async () => {
    const inner = child(shop, [{ children: [partSpec('b'), partSpec('c', 'fails to start')] }], { id: 'inner' });
    const error = await start([partSpec('a'), inner]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ApplicationError);
    expect(error).toMatchObject({ child: 'inner/c', reason: { error: { message: 'c was told to fail' } } });
    expect(log).toEqual(['init a', 'init b', 'init c', 'terminate b shutdown', 'terminate a shutdown']);
    // Nothing is left: the node has drained, and nobody listens where it did.
    const [node] = nodes;
    expect(await node?.closed).toMatchObject({ cut: [] });
    const port = Number(node?.listen?.split(':').at(-1));
    const refused = await new Promise((resolve) => createConnection({ port }).once('error', resolve));
    expect(refused).toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('says what its function threw', async () => {
    const fault = new RangeError('no configuration');
    const error = await start(() => Promise.reject(fault)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_LIMINAL_APPLICATION', child: undefined, cause: fault });
    expect(String(error)).toContain('RangeError: no configuration');
  });

  test('refuses what is no application, before and after it has started', async () => {
    const refused = { code: 'ERR_LIMINAL_OPTION', option: 'app' };
    await expect(startNode({ app: 5 as never })).rejects.toMatchObject(refused);
    await expect(startNode({ app: child(part, ['a', 'ready']) })).rejects.toMatchObject(refused);
    await expect(start(() => 5 as never)).rejects.toMatchObject(refused);
    expect(await nodes[0]?.closed).toMatchObject({ cut: [] });
  });

  test('lives on where the application came later, and can start another', async () => {
    const node = await bare();
    await expect(node.startApp([partSpec('a', 'fails to start')])).rejects.toThrow('a was told to fail');
    await node.startApp([partSpec('b')]);
    expect(node.whereis('b')).toBe(await pidOf(node, 'b'));
  });
});

describe('an application that ends by itself', () => {
  test('takes the node along, which says so in one line and in closed', async () => {
    const node = await start(child(shop, [{ intensity: 0, children: [partSpec('a'), partSpec('b')] }]));
    const { listen } = node;
    await crash(node, 'b');
    expect(await node.closed).toEqual({ cut: [], application: 'shutdown' });
    expect(log.at(-1)).toBe('terminate a shutdown');
    const said = lines.filter(({ message }) => message.includes('the node ends with it'));
    expect(said).toMatchObject([{ level: 'error' }]);
    expect(await node.drain()).toEqual({ cut: [], application: 'shutdown' });
    expect(listen).not.toBeNull();
  });

  test('does so for whatever reason', async () => {
    const node = await start([partSpec('a')]);
    if (node.application !== undefined) node.scheduler.exitProcess(node.application, 'kill');
    expect(await node.closed).toMatchObject({ application: 'killed' });
  });

  test('does not where the drain has stopped it', async () => {
    const node = await start([partSpec('a')]);
    await node.drain();
    expect(lines.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('the drain', () => {
  test('delivers what is in mailboxes first, and ends other processes last', async () => {
    const node = await start([partSpec('a')]);
    await node.spawn(bystander, [], { name: 'bystander' });
    const me = node.attach();
    const to: ServerAddress<ServedBy<typeof part>> = { name: 'a' };
    for (let at = 0; at < 100; at++) cast(me, to, 'note', [`note ${at}`]);
    me.close();
    expect((await node.drain()).cut).toEqual([]);
    expect(log.slice(1)).toEqual([
      ...Array.from({ length: 100 }, (_, at) => `note ${at}`),
      'terminate a shutdown',
      'terminate a beside the bystander',
    ]);
  });

  test('kills a child that hangs in its shutdown when its time is up, says which, and stops the others', async () => {
    const node = await start([partSpec('a'), partSpec('b', 'never ends', 50)], { drainTimeoutMs: 60_000 });
    expect((await node.drain()).cut).toEqual([
      'the child "b" of the supervisor "application" did not end within 50 ms, and had to be killed',
    ]);
    expect(log.at(-1)).toBe('terminate a shutdown');
  });

  test('is bounded where a child may take for ever, and says so', async () => {
    const node = await start([partSpec('a'), partSpec('b', 'never ends', 'infinity')], { drainTimeoutMs: 4_000 });
    expect((await node.drain()).cut).toContain(
      'the application did not stop in time, and its processes were ended as they were',
    );
    expect(log).toContain('terminate b shutdown');
  });

  test('gives a start up that is underway', async () => {
    const node = await bare({ drainTimeoutMs: 4_000 });
    let reach = (): void => {};
    const reached = new Promise<void>((resolve) => {
      reach = resolve;
    });
    node.scheduler.provide('reached', () => reach());
    const starting = node.startApp([partSpec('a'), partSpec('b', 'never ready')]);
    const aborted = expect(starting).rejects.toMatchObject({ name: 'AbortError' });
    await reached;
    expect((await node.drain()).cut).toContain(
      'the application was still starting, and its processes were ended as they were',
    );
    await aborted;
    await expect(node.startApp([partSpec('c')])).rejects.toMatchObject({ name: 'AbortError' });
    expect(log).not.toContain('init c');
  });
});
