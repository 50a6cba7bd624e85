/** Threads of a node that are lost or blocked, as a node beside it sees it (A28, A38). */
import {
  type AttachedProcess,
  isDown,
  isExit,
  type LiminalNode,
  type NodeName,
  type Pid,
  startNode,
} from 'liminal-node';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { ClusterNode, COOKIE, until } from '../support/cluster.js';
import type { Order } from '../support/cluster-processes.js';

const FAR = 'far@127.0.0.1' as NodeName;

/** So short that a home thread that stood still as long as the blocked one would count as lost. */
const distribution = { heartbeatIntervalMs: 250, heartbeatTimeoutMs: 2_000 };

let node: LiminalNode;
let far: ClusterNode;
let observer: AttachedProcess;

beforeAll(async () => {
  node = await startNode({ name: 'near@127.0.0.1', cookie: COOKIE, threads: 1, distribution });
  far = await new ClusterNode().start({
    name: FAR,
    seeds: [node.listen ?? ''],
    threads: 2,
    watchdog: { warnAfterMs: 500, endAfterMs: 4_000 },
    distribution,
  });
  await far.connectedTo(node.name);
});
afterAll(async () => {
  await far.kill();
  await node[Symbol.asyncDispose]();
});
beforeEach(() => {
  observer = node.attach({ trapExit: true });
});
afterEach(() => observer.close());

const tell = (pid: Pid, order: Order): void => node.send(pid, order);

async function obeyed(count = 1): Promise<void> {
  for (let at = 0; at < count; at++) {
    await observer.receive({ match: (message): message is unknown => 'done' in (message as object) });
  }
}

const threadOf = (pid: Pid): number => Number(pid.split('.').at(-2));

it('A28: a thread that is lost ends links and monitors on other nodes, behind what its processes had sent', async () => {
  const [thread = -1, other = -1] = await far.call('threads');
  const lost = await far.call('spawnObedient', observer.pid, { thread });
  const survivor = await far.call('spawnObedient', observer.pid, { thread: other });
  const here = node.attach({ trapExit: true });
  here.link(lost);
  const ref = here.monitor(lost);
  here.link(survivor);
  for (const pid of [lost, survivor]) tell(pid, { order: 'subscribe', channel: 'lost threads' });
  await obeyed(2);
  await until('both have subscribed', () => node.clusterSync.remoteTargets('lost threads').length > 0);
  for (let at = 0; at < 1_000; at++) tell(lost, { order: 'unsubscribe', channel: 'nothing' });
  await obeyed(1_000);
  await far.call('endThread', thread);
  const reason = { threadDown: { thread, cause: 'terminated' } };
  expect([await here.receive({ match: isExit }), await here.receive({ match: isDown })]).toEqual([
    { signal: 'exit', from: lost, reason },
    { signal: 'down', ref, pid: lost, reason },
  ]);
  await until('the thread is replaced', async () => (await far.call('threads')).length === 2);
  here.monitor(lost);
  expect(await here.receive()).toMatchObject({ signal: 'down', pid: lost, reason: 'noproc' });
  tell(survivor, { order: 'exit', reason: 'over' });
  expect(await here.receive()).toEqual({ signal: 'exit', from: survivor, reason: 'over' });
  await until('nobody is left in the group', () => node.clusterSync.remoteTargets('lost threads').length === 0);
  expect(node.distribution.sessions().map((session) => session.node)).toEqual([FAR]);
  here.close();
});

it('A28: a process here that dies with its thread leaves the monitors and links of other nodes told', async () => {
  const [thread = -1] = node.scheduler.threads;
  const { obedient } = await import('../support/cluster-processes.js');
  const lost = await node.spawn(obedient, [observer.pid], { thread });
  const watcher = await far.call('spawnObedient', observer.pid, { trapExit: true });
  for (const order of ['link', 'monitor'] as const) tell(watcher, { order, to: lost });
  await obeyed(2);
  tell(lost, { order: 'unsubscribe', channel: 'nothing' });
  await obeyed();
  await node.scheduler.endThread(thread);
  const reason = { threadDown: { thread, cause: 'terminated' } };
  const heard = [await observer.receive(), await observer.receive()];
  expect(heard).toEqual([
    { heard: { signal: 'exit', from: lost, reason } },
    { heard: { signal: 'down', ref: expect.any(String), pid: lost, reason } },
  ]);
});

it('A38: a process that blocks its thread is ended with it; no other node takes its node for lost meanwhile', async () => {
  const [thread = -1] = await far.call('threads');
  const sessions = node.distribution.sessions().map(({ id }) => id);
  const blocker = await far.call('spawnObedient', observer.pid, { thread, name: 'blocker' });
  const bystander = await far.call('spawnObedient', observer.pid, { thread });
  const other = await far.call('spawnObedient', observer.pid, { thread: 'home' });
  observer.monitor(bystander);
  tell(blocker, { order: 'block' });
  const answered = async (): Promise<void> => {
    tell(other, { order: 'unsubscribe', channel: 'nothing' });
    await obeyed();
  };
  await answered();
  const down = await observer.receive({ match: isDown });
  expect(down).toMatchObject({ pid: bystander, reason: { threadDown: { thread, cause: 'blocked' } } });
  const { blocker: told } = (down.reason as { threadDown: { blocker: object } }).threadDown;
  expect(told).toMatchObject({ pid: blocker, label: 'obedient', stack: expect.stringContaining('cluster-processes') });
  await answered();
  expect(node.distribution.sessions().map(({ id }) => id)).toEqual(sessions);
  await until('the thread is replaced', async () => (await far.call('threads')).length === 2);
  const next = await far.call('spawnObedient', observer.pid, { name: 'blocker' });
  expect(threadOf(next)).not.toBe(thread);
});
