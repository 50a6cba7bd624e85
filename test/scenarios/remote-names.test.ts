/** Servers that are known by their names on other nodes, over sockets: monitors, calls, and what the loss of a node does to them. */
import {
  type AttachedProcess,
  CallError,
  call,
  isDown,
  type LiminalNode,
  multiCall,
  type NameOnNodes,
  type NodeName,
  type ServedBy,
  type ServerAddress,
  startNode,
  stopServer,
} from 'liminal-node';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { ClusterNode, COOKIE, until } from '../support/cluster.js';
import type { clerk } from '../support/cluster-processes.js';

const NEVER = { timeoutMs: Number.POSITIVE_INFINITY };
const FAR = 'far@127.0.0.1' as NodeName;
const OTHER = 'other@127.0.0.1' as NodeName;
const NOWHERE = 'nowhere@127.0.0.1' as NodeName;

type Clerk = ServerAddress<ServedBy<typeof clerk>>;

let node: LiminalNode;
let far: ClusterNode;
let other: ClusterNode;
let self: AttachedProcess;

beforeAll(async () => {
  node = await startNode({ name: 'near@127.0.0.1', cookie: COOKIE, threads: 0 });
  other = await new ClusterNode().start({ name: OTHER, seeds: [node.listen ?? ''] });
});
afterAll(async () => {
  await Promise.all([far.kill(), other.kill()]);
  await node[Symbol.asyncDispose]();
});
beforeEach(async () => {
  self = node.attach();
  far = await new ClusterNode().start({ name: FAR, threads: 1, seeds: [node.listen ?? ''] });
  await far.connectedTo(node.name, OTHER);
});
afterEach(async () => {
  self.close();
  await far.kill();
  await until('the far node is gone', () => node.distribution.session(FAR) === undefined);
});

async function startFarClerk(name: string): Promise<Clerk> {
  const [thread] = await far.call('threads');
  await far.call('startClerk', name, thread);
  return { name, node: FAR };
}

it('conformance D9, D10, D19: a monitor of a name is told of the end with name and node, of nobody, and of no connection', async () => {
  const at = await startFarClerk('watched');
  const [held, unheld, unreachable] = [at, { name: 'nobody', node: FAR }, { name: 'nobody', node: NOWHERE }] as const;
  const refs = [held, unheld, unreachable].map((target) => self.monitor(target as { name: string; node: NodeName }));
  expect([await self.receive(), await self.receive()]).toEqual([
    { signal: 'down', ref: refs[2], name: 'nobody', node: NOWHERE, reason: 'noconnection' },
    { signal: 'down', ref: refs[1], name: 'nobody', node: FAR, reason: 'noproc' },
  ]);
  await stopServer(self, at, { shutdown: 'as asked' });
  expect(await self.receive({ match: isDown })).toMatchObject({
    ref: refs[0],
    name: 'watched',
    node: FAR,
    reason: { shutdown: 'as asked' },
  });
});

it('a call by a name fails at once with the reason where the server crashes, and with noproc where it is gone', async () => {
  const at = await startFarClerk('crashing');
  expect(await call(self, at, 'add', [2])).toBe(2);
  const waiting = call(self, at, 'wait', [], NEVER).catch((error: unknown) => error);
  await expect(call(self, at, 'fail', ['told to'], NEVER)).rejects.toMatchObject({
    code: 'ERR_LIMINAL_CALL',
    reason: { error: expect.objectContaining({ name: 'RangeError', message: 'told to' }) },
  });
  expect(await waiting).toMatchObject({ reason: { error: expect.objectContaining({ message: 'told to' }) } });
  await expect(call(self, at, 'add', [1], NEVER)).rejects.toMatchObject({ reason: 'noproc' });
  await expect(stopServer(self, at)).rejects.toMatchObject({ reason: 'noproc' });
});

it('conformance J22: a call by a name fails with noconnection when the node of its server is killed, and at once afterwards', async () => {
  const at = await startFarClerk('lost');
  const waiting = call(self, at, 'wait', [], NEVER).catch((error: unknown) => error);
  const stopping = stopServer(self, { name: 'lost', node: NOWHERE }).catch((error: unknown) => error);
  expect(await stopping).toMatchObject({ reason: 'noconnection' });
  expect(await call(self, at, 'add', [1])).toBe(1);
  await far.kill();
  expect(await waiting).toMatchObject({ code: 'ERR_LIMINAL_CALL', reason: 'noconnection' });
  await until('the far node is gone', () => node.distribution.session(FAR) === undefined);
  await expect(call(self, at, 'add', [1], NEVER)).rejects.toMatchObject({ reason: 'noconnection' });
});

it('conformance J23: a call to many nodes brings the replies of the living, and says why the others gave none', async () => {
  await startFarClerk('many');
  await other.call('startClerk', 'many');
  const to: NameOnNodes<ServedBy<typeof clerk>> = { name: 'many' };
  const nodes = [FAR, NOWHERE, OTHER, node.name as NodeName, FAR];
  const { replies, failed } = await multiCall(self, nodes, to, 'add', [3]);
  expect([...replies]).toEqual([
    [FAR, 3],
    [OTHER, 3],
  ]);
  expect([...failed].map(([name, { reason }]) => [name, reason])).toEqual([
    [NOWHERE, 'noconnection'],
    [node.name, 'noproc'],
  ]);
  const waiting = multiCall(self, [FAR, OTHER], to, 'wait', [], NEVER);
  expect((await multiCall(self, [FAR, OTHER], to, 'add', [1])).replies.size).toBe(2);
  await Promise.all([far.kill(), stopServer(self, { name: 'many', node: OTHER }, 'shutdown')]);
  const late = await waiting;
  expect(late.replies.size).toBe(0);
  expect([...late.failed.values()].map((error) => error instanceof CallError && error.reason)).toEqual([
    'noconnection',
    'shutdown',
  ]);
  await expect(multiCall(self, [FAR], to, 'add', [(() => {}) as never])).rejects.toMatchObject({
    code: 'ERR_LIMINAL_NOT_PORTABLE',
  });
});
