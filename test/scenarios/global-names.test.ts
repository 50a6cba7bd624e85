/** Names of the cluster, between OS processes, scheduler threads and real sockets. */
import { type AttachedProcess, globalNames, isDown, type LiminalNode, type NodeName, startNode } from 'liminal-node';
import { afterEach, expect, test } from 'vitest';
import { ClusterNode, COOKIE, until } from '../support/cluster.js';
import { obedient } from '../support/cluster-processes.js';

const LEADER = { via: globalNames, name: 'leader' };

let near: LiminalNode | undefined;
let far: ClusterNode | undefined;

afterEach(async () => {
  await far?.kill();
  await near?.[Symbol.asyncDispose]();
});

async function startBoth(
  isConnected: boolean,
): Promise<{ near: LiminalNode; far: ClusterNode; self: AttachedProcess; there: NodeName }> {
  near = await startNode({ name: 'near@127.0.0.1', cookie: COOKIE, threads: 1 });
  const seeds = isConnected ? [near.listen ?? ''] : [];
  far = await new ClusterNode().start({ name: 'far@127.0.0.1', threads: 1, seeds });
  const there = far.name as NodeName;
  const session = near.distribution;
  if (isConnected) await until('they are connected', () => session.session(there) !== undefined);
  return { near, far, self: near.attach({ trapExit: true }), there };
}

test('conformance X1, X2, X3, X5: a name that a process was spawned with on another node is found on every thread, and free when that node is lost', async () => {
  const { near, far, self, there } = await startBoth(true);
  const pid = await self.spawn(obedient, [self.pid], { node: there, name: LEADER, monitor: true });
  expect([near.names.whereis('leader'), await far.call('whereisGlobally', 'leader')]).toEqual([pid, pid]);
  // On a scheduler thread as well, whose process asks for the name and is refused.
  const thread = near.scheduler.threads[0] ?? 'home';
  await expect(near.spawn(obedient, [self.pid], { thread, name: LEADER })).rejects.toMatchObject({
    code: 'ERR_LIMINAL_NAME',
  });
  self.send(LEADER, { order: 'unsubscribe', channel: 'nothing' });
  expect(await self.receive()).toEqual({ done: 'unsubscribe' });
  await far.kill();
  await self.receive({ match: isDown });
  expect(near.names.whereis('leader')).toBeUndefined();
  const heir = await near.spawn(obedient, [self.pid], { thread, name: LEADER });
  expect(near.names.whereis('leader')).toBe(heir);
});

test('conformance X4: of two nodes that meet with one name, the process that has it for longer keeps it, and the other is ended', async () => {
  const { near, far, self } = await startBoth(false);
  const older = await far.call('spawnObedient', self.pid, { name: LEADER });
  const younger = await self.spawn(obedient, [self.pid], { monitor: true, name: LEADER });
  await far.call('connect', near.listen ?? '');
  expect(await self.receive({ match: isDown })).toMatchObject({
    pid: younger,
    reason: { nameConflict: { kind: 'name', name: 'leader', keeper: older } },
  });
  await until('both know who has it', async () => {
    const known = [near.names.whereis('leader'), await far.call('whereisGlobally', 'leader')];
    return known.every((pid) => pid === older);
  });
});
