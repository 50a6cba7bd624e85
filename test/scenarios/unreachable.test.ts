/** Signals for processes and nodes that are not there, or are there no more. */
import {
  type AttachedProcess,
  CallError,
  call,
  isDown,
  isExit,
  type LiminalNode,
  type NodeName,
  type Pid,
  startNode,
} from 'liminal-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ClusterNode, COOKIE, until } from '../support/cluster.js';

const NOWHERE = 'nowhere@127.0.0.1' as NodeName;

let near: LiminalNode;
let far: ClusterNode;
/** Of a node that nobody is connected to. */
let lost: Pid;

beforeAll(async () => {
  near = await startNode({ name: 'near@127.0.0.1', cookie: COOKIE, threads: 1 });
  const nowhere = await startNode({ name: NOWHERE, cookie: COOKIE, threads: 0 });
  lost = nowhere.attach().pid;
  await nowhere[Symbol.asyncDispose]();
  far = await startFar();
});
afterAll(async () => {
  await far.kill();
  await near[Symbol.asyncDispose]();
});

async function startFar(): Promise<ClusterNode> {
  const node = await new ClusterNode().start({ name: 'far@127.0.0.1', seeds: [near.listen ?? ''] });
  await node.connectedTo(near.name);
  return node;
}

/** What is in the mailbox now. */
async function mailbox(process: AttachedProcess): Promise<unknown[]> {
  process.send(process.pid, 'the last');
  const messages: unknown[] = [];
  for (;;) {
    const message = await process.receive();
    if (message === 'the last') return messages;
    messages.push(message);
  }
}

it('A14: a send to a node that cannot be reached returns at once and is lost', async () => {
  const process = near.attach();
  process.send(lost, 'anybody?');
  process.send({ name: 'anybody', node: NOWHERE }, 'anybody?');
  expect(await mailbox(process)).toEqual([]);
  process.close();
});

it('C9: a link to a node that cannot be reached is answered with noconnection, which ends who does not trap exits', async () => {
  const [trapping, other] = [near.attach({ trapExit: true }), near.attach()];
  const ended = trapping.monitor(other.pid);
  trapping.link(lost);
  other.link(lost);
  expect(await trapping.receive({ match: isExit })).toEqual({ signal: 'exit', from: lost, reason: 'noconnection' });
  expect(await trapping.receive({ match: isDown })).toMatchObject({ ref: ended, reason: 'noconnection' });
  trapping.close();
});

it('a monitor of a process of a node that cannot be reached brings noconnection', async () => {
  const process = near.attach();
  const ref = process.monitor(lost);
  expect(await process.receive()).toEqual({ signal: 'down', ref, pid: lost, reason: 'noconnection' });
  process.close();
});

it('A13: a send to a name that nobody holds on another node is dropped silently', async () => {
  const observer = near.attach();
  const pid = await far.call('spawnObedient', observer.pid);
  observer.send({ name: 'nobody', node: 'far@127.0.0.1' as NodeName }, 'anybody?');
  observer.send(pid, { order: 'unsubscribe', channel: 'nothing' });
  expect(await observer.receive()).toEqual({ done: 'unsubscribe' });
  observer.close();
});

it('A11: messages to another node keep their order, large and small ones mixed', async () => {
  const observer = near.attach();
  const sent = Array.from({ length: 120 }, (_, at) => (at % 10 === 0 ? `${at} ${'x'.repeat(300_000)}` : `${at}`));
  const pid = await far.call('spawnObedient', observer.pid);
  // What it is told of an exit it tells on as it is, in the order in which it came.
  for (const [at, text] of sent.entries()) observer.send(pid, { signal: 'exit', from: observer.pid, reason: text, at });
  for (const [at, text] of sent.entries()) {
    const { heard } = await observer.receive<{ heard: { at: number; reason: string } }>();
    expect([heard.at, heard.reason.length]).toEqual([at, text.length]);
  }
  observer.close();
});

it('J22, D15, D18: a call and a monitor end with noconnection when the node goes away, once, also when it comes back', async () => {
  const process = near.attach();
  const pid = await far.call('spawnObedient', process.pid);
  const ref = process.monitor(pid);
  const unlimited = { timeoutMs: Number.POSITIVE_INFINITY };
  const failing = call(process, pid as Parameters<typeof call>[1], 'anything', [], unlimited).catch((error) => error);
  // It has taken the call, which it does not understand.
  expect(await process.receive()).toEqual({ done: undefined });
  await far.kill();
  const failure: unknown = await failing;
  expect(failure).toBeInstanceOf(CallError);
  expect((failure as CallError).reason).toBe('noconnection');
  expect(await process.receive()).toEqual({ signal: 'down', ref, pid, reason: 'noconnection' });
  far = await startFar();
  await until('the node is back', () => near.distribution.session('far@127.0.0.1' as NodeName) !== undefined);
  const again = await far.call('spawnObedient', process.pid);
  process.send(again, { order: 'unsubscribe', channel: 'nothing' });
  expect(await process.receive()).toEqual({ done: 'unsubscribe' });
  expect(await mailbox(process)).toEqual([]);
  process.close();
});
