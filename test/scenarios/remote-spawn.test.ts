/** One node has another start processes, between OS processes and over real sockets. */
import {
  type AttachedProcess,
  call,
  isDown,
  isExit,
  type LiminalNode,
  type NodeName,
  type Pid,
  type ProcessDefinition,
  type ServedBy,
  type ServerAddress,
  startNode,
  startServer,
  stopServer,
} from 'liminal-node';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { ClusterNode, COOKIE, until } from '../support/cluster.js';
import { clerk, obedient } from '../support/cluster-processes.js';

let node: LiminalNode;
let far: ClusterNode;
let self: AttachedProcess;

beforeAll(async () => {
  node = await startNode({ name: 'near@127.0.0.1', cookie: COOKIE, threads: 0 });
});
beforeEach(() => {
  self = node.attach({ trapExit: true });
});
afterEach(async () => {
  self.close();
  await far.kill();
});
afterAll(() => node[Symbol.asyncDispose]());

async function startFar(options: object = {}): Promise<NodeName> {
  far = await new ClusterNode().start({ name: 'far@127.0.0.1', seeds: [node.listen ?? ''], ...options });
  await far.connectedTo(node.name);
  await until('the far node is up', () => node.distribution.session(far.name as NodeName) !== undefined);
  return far.name as NodeName;
}

test('conformance N24: a process of a module that the other node has loaded is started, linked and monitored at once', async () => {
  const there = await startFar({ threads: 1 });
  const ref = self.makeRef();
  const pid = await self.spawn(obedient, [self.pid], { node: there, link: true, monitor: ref, name: 'helper' });
  expect(pid.startsWith(`${there}#`)).toBe(true);
  self.send({ name: 'helper', node: there }, { order: 'exit', reason: 'as told' });
  const told = [await self.receive({ match: isExit }), await self.receive({ match: isDown })];
  expect(told).toEqual([
    { signal: 'exit', from: pid, reason: 'as told' },
    { signal: 'down', ref, pid, reason: 'as told' },
  ]);
});

test('what its node dies of, a process that was started there is told of with noconnection, once', async () => {
  const there = await startFar();
  const pid = await self.spawn(obedient, [self.pid], { node: there, link: true });
  await far.kill();
  expect(await self.receive()).toEqual({ signal: 'exit', from: pid, reason: 'noconnection' });
  await expect(self.spawn(obedient, [self.pid], { node: there, link: true })).rejects.toMatchObject({
    code: 'ERR_LIMINAL_SPAWN_REFUSED',
    reason: 'noconnection',
  });
  await expect(self.receive({ timeoutMs: 0 })).rejects.toThrow('no matching message');
});

test.each([
  ['none', 'not_allowed'],
  ['registered', 'not_allowed'],
] as const)('a node whose remoteSpawn is %s refuses, counts it, and says why', async (remoteSpawn, reason) => {
  const there = await startFar({ remoteSpawn, http: '127.0.0.1:0' });
  const refused = self.spawn(obedient, [self.pid], { node: there });
  await expect(refused).rejects.toMatchObject({ code: 'ERR_LIMINAL_SPAWN_REFUSED', reason });
  await expect(refused).rejects.toThrow(`remoteSpawn is '${remoteSpawn}'`);
  const metrics = await (await fetch(`http://${await far.call('http')}/metrics`)).text();
  expect(metrics).toMatch(/liminal_scheduler_remote_spawns_refused_total\{[^}]*reason="not_allowed"[^}]*\} 1/);
});

test('a server is started on another node, known there by its name, and answers', async () => {
  const there = await startFar({ threads: 1 });
  const server = await startServer(self, clerk, [], { node: there, name: 'clerk', link: true });
  expect(server.startsWith(`${there}#`)).toBe(true);
  expect(await call(self, server, 'add', [2])).toBe(2);
  await expect(startServer(self, clerk, [], { node: there, name: 'clerk' })).rejects.toMatchObject({
    code: 'ERR_LIMINAL_NAME',
  });
  await stopServer(self, { name: 'clerk', node: there } as ServerAddress<ServedBy<typeof clerk>>);
  expect(await self.receive({ match: isExit })).toEqual({ signal: 'exit', from: server, reason: 'normal' });
});

test('a node that starts as many processes for others as it does at a time refuses the next as busy', async () => {
  const there = await startFar({ maxRemoteSpawns: 0 });
  await expect(self.spawn(obedient, [self.pid], { node: there })).rejects.toMatchObject({ reason: 'busy' });
});

test('a module that the other node has not loaded is loaded where that is allowed', async () => {
  const elsewhere = new URL('../../packages/scheduler/test/fixtures/puppet.ts', import.meta.url).href;
  const code = { ...obedient, module: elsewhere, name: 'puppet' } as unknown as ProcessDefinition<[]>;
  const refusing = await startFar();
  await expect(self.spawn(code, [], { node: refusing })).rejects.toMatchObject({ reason: 'not_allowed' });
  await far.kill();
  await until('the far node is gone', () => node.distribution.session(refusing) === undefined);
  const loading = await startFar({ remoteSpawn: 'modules' });
  const pid: Pid = await self.spawn(code, [], { node: loading, monitor: true });
  self.send(pid, { command: 1, from: self.pid, step: ['whereis', 'nobody'] });
  expect(await self.receive()).toEqual({ command: 1 });
});
