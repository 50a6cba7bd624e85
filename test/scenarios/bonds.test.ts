/** Links and monitors between processes of different nodes (A21, A22): exactly one signal each, with the right reason. */
import {
  type AttachedProcess,
  isDown,
  isExit,
  type LiminalNode,
  type NodeName,
  type Pid,
  startNode,
} from 'liminal-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ClusterNode, COOKIE, until } from '../support/cluster.js';
import type { Order } from '../support/cluster-processes.js';

let node: LiminalNode;
let far: ClusterNode;
/** Takes what the obedient processes of the far node report. */
let observer: AttachedProcess;

beforeAll(async () => {
  node = await startNode({ name: 'near@127.0.0.1', cookie: COOKIE, threads: 0 });
  await startFar();
});
afterAll(async () => {
  await far.kill();
  await node[Symbol.asyncDispose]();
});
beforeEach(() => {
  observer = node.attach();
});
// What it has not read would keep the node from draining.
afterEach(() => observer.close());

async function startFar(): Promise<void> {
  far = await new ClusterNode().start({ name: 'far@127.0.0.1', seeds: [node.listen ?? ''] });
  await far.connectedTo(node.name);
}

function tell(pid: Pid, order: Order): void {
  node.send(pid, order);
}

/** Resolves when `pid` has handled all that was sent to it from here before. */
async function handled(pid: Pid): Promise<void> {
  tell(pid, { order: 'unsubscribe', channel: 'nothing' });
  await observer.receive({ match: (message): message is unknown => 'done' in (message as object) });
}

/** Ends `pid`, and resolves when it is dead. */
async function ended(pid: Pid): Promise<void> {
  observer.monitor(pid);
  tell(pid, { order: 'exit', reason: 'normal' });
  await observer.receive({ match: isDown });
}

/** Everything that has come to `process`, from the far node as well while it is there. */
async function everything(process: AttachedProcess): Promise<unknown[]> {
  if (node.distribution.session('far@127.0.0.1' as NodeName) === undefined) process.send(process.pid, 'the last');
  else await far.call('send', process.pid, 'the last');
  const messages: unknown[] = [];
  for (;;) {
    const message = await process.receive();
    if (message === 'the last') return messages;
    messages.push(message);
  }
}

async function heardBy(pid: Pid): Promise<unknown> {
  const isHeard = (message: unknown): message is { heard: unknown } => 'heard' in (message as object);
  const { heard } = await observer.receive({ match: isHeard });
  await handled(pid);
  return heard;
}

function farIsGone(): Promise<void> {
  return until('the far node is gone', () => node.distribution.sessions().length === 0);
}

describe('a link to a process of another node', () => {
  it.each([
    { way: 'returns', order: { order: 'exit', reason: 'normal' }, reason: 'normal' },
    { way: 'exits', order: { order: 'exit', reason: 'boom' }, reason: 'boom' },
    {
      way: 'throws',
      order: { order: 'throw', message: 'broken' },
      reason: { error: expect.objectContaining({ name: 'Error', message: 'broken' }) },
    },
  ] satisfies { way: string; order: Order; reason: unknown }[])(
    'brings one exit message to who traps exits, when it $way',
    async ({ order, reason }) => {
      const process = node.attach({ trapExit: true });
      const pid = await far.call('spawnObedient', observer.pid);
      process.link(pid);
      await handled(pid);
      tell(pid, order as Order);
      expect(await process.receive()).toEqual({ signal: 'exit', from: pid, reason });
      expect(await everything(process)).toEqual([]);
    },
  );

  it('ends who does not trap exits, unless the end was normal', async () => {
    const [mild, harsh] = [node.attach(), node.attach()];
    const [one, other] = [await far.call('spawnObedient', observer.pid), await far.call('spawnObedient', observer.pid)];
    mild.link(one);
    harsh.link(other);
    await handled(one);
    await handled(other);
    const watch = observer.monitor(harsh.pid);
    tell(one, { order: 'exit', reason: 'normal' });
    tell(other, { order: 'exit', reason: 'boom' });
    expect(await observer.receive({ match: isDown })).toEqual({
      signal: 'down',
      ref: watch,
      pid: harsh.pid,
      reason: 'boom',
    });
    expect(await everything(mild)).toEqual([]);
    expect(mild.signal.aborted).toBe(false);
  });

  it('brings killed where it was killed, which nobody can trap (conformance N32)', async () => {
    const process = node.attach({ trapExit: true });
    const pid = await far.call('spawnObedient', observer.pid, { trapExit: true });
    process.link(pid);
    await handled(pid);
    process.exitProcess(pid, 'kill');
    expect(await process.receive()).toEqual({ signal: 'exit', from: pid, reason: 'killed' });
  });

  it('holds in the other direction too: who traps exits there hears of the end here', async () => {
    const process = node.attach();
    const pid = await far.call('spawnObedient', observer.pid, { trapExit: true });
    tell(pid, { order: 'link', to: process.pid });
    await handled(pid);
    process.exitProcess(process.pid, 'over');
    expect(await heardBy(pid)).toEqual({ signal: 'exit', from: process.pid, reason: 'over' });
  });

  it('is answered with noproc by the dead (conformance C10)', async () => {
    const process = node.attach({ trapExit: true });
    const pid = await far.call('spawnObedient', observer.pid);
    await ended(pid);
    process.link(pid);
    expect(await process.receive()).toEqual({ signal: 'exit', from: pid, reason: 'noproc' });
  });

  it('brings nothing once it was taken back', async () => {
    const process = node.attach({ trapExit: true });
    const pid = await far.call('spawnObedient', observer.pid);
    process.link(pid);
    process.unlink(pid);
    const watch = process.monitor(pid);
    tell(pid, { order: 'exit', reason: 'boom' });
    expect(await process.receive()).toEqual({ signal: 'down', ref: watch, pid, reason: 'boom' });
    expect(await everything(process)).toEqual([]);
  });
});

describe('a monitor of a process of another node', () => {
  it('brings one down message with the reason of its end', async () => {
    const process = node.attach();
    const pid = await far.call('spawnObedient', observer.pid);
    const ref = process.monitor(pid);
    await handled(pid);
    tell(pid, { order: 'exit', reason: { shutdown: 'as asked' } });
    expect(await process.receive()).toEqual({ signal: 'down', ref, pid, reason: { shutdown: 'as asked' } });
    expect(await everything(process)).toEqual([]);
  });

  it('brings noproc for the dead', async () => {
    const process = node.attach();
    const pid = await far.call('spawnObedient', observer.pid);
    await ended(pid);
    const ref = process.monitor(pid);
    expect(await process.receive()).toEqual({ signal: 'down', ref, pid, reason: 'noproc' });
  });

  it('brings nothing once it was taken back', async () => {
    const process = node.attach();
    const pid = await far.call('spawnObedient', observer.pid);
    const [first, second] = [process.monitor(pid), process.monitor(pid)];
    expect(process.demonitor(first)).toBe(true);
    tell(pid, { order: 'exit', reason: 'boom' });
    expect(await process.receive()).toEqual({ signal: 'down', ref: second, pid, reason: 'boom' });
    expect(await everything(process)).toEqual([]);
    expect(process.demonitor(second)).toBe(false);
  });
});

describe('the end of a node', () => {
  beforeEach(async () => {
    await far.kill();
    await startFar();
  });

  it('brings shutdown where it left in order, and no noconnection', async () => {
    const process = node.attach();
    const pid = await far.call('spawnObedient', observer.pid);
    const ref = process.monitor(pid);
    await handled(pid);
    expect(await far.call('drain')).toEqual({ cut: [] });
    await farIsGone();
    expect(await everything(process)).toEqual([{ signal: 'down', ref, pid, reason: 'shutdown' }]);
  });

  it('brings noconnection once along each link and monitor where it was killed, and nothing along what had ended before', async () => {
    const process = node.attach({ trapExit: true });
    const [linked, monitored] = [
      await far.call('spawnObedient', observer.pid),
      await far.call('spawnObedient', observer.pid, { trapExit: true }),
    ];
    process.link(linked);
    process.link(linked);
    tell(linked, { order: 'link', to: process.pid });
    const [goneFirst, goneSecond] = [
      await far.call('spawnObedient', observer.pid),
      await far.call('spawnObedient', observer.pid),
    ];
    process.link(goneFirst);
    process.monitor(goneSecond);
    await ended(goneFirst);
    await ended(goneSecond);
    expect(await everything(process)).toHaveLength(2);
    const refs = [process.monitor(monitored), process.monitor(monitored)];
    await handled(linked);
    await handled(monitored);
    await far.kill();
    await farIsGone();
    const messages = await everything(process);
    expect(messages.filter(isExit)).toEqual([{ signal: 'exit', from: linked, reason: 'noconnection' }]);
    expect(messages.filter(isDown)).toEqual(
      refs.map((ref) => ({ signal: 'down', ref, pid: monitored, reason: 'noconnection' })),
    );
    expect(messages).toHaveLength(3);
    // Whoever comes later hears it at once.
    process.link(linked);
    const late = process.monitor(monitored);
    expect(await everything(process)).toEqual([
      { signal: 'exit', from: linked, reason: 'noconnection' },
      { signal: 'down', ref: late, pid: monitored, reason: 'noconnection' },
    ]);
  });
});
