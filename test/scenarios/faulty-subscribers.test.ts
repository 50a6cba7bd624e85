/** What a subscriber's fault costs: itself, and nobody else. */
import { type AttachedProcess, type DownMessage, isDown, type LiminalNode, type Pid, startNode } from 'liminal-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { COOKIE, until } from '../support/cluster.js';
import { fragile } from '../support/cluster-processes.js';

let near: LiminalNode;
let far: LiminalNode;
let observer: AttachedProcess;

beforeAll(async () => {
  near = await startNode({ name: 'near@127.0.0.1', cookie: COOKIE, threads: 1 });
  far = await startNode({ name: 'far@127.0.0.1', cookie: COOKIE, threads: 0, seeds: [near.listen ?? ''] });
  observer = near.attach();
});
afterAll(async () => {
  observer.close();
  await far[Symbol.asyncDispose]();
  await near[Symbol.asyncDispose]();
});

function isSaid(message: unknown): message is { by: Pid; payload: unknown } {
  return typeof message === 'object' && message !== null && 'by' in message;
}

/** What each of `count` messages says, sorted. */
async function said(count: number): Promise<string[]> {
  const words: string[] = [];
  while (words.length < count) {
    const { by, payload } = await observer.receive({ match: isSaid });
    words.push(`${by} ${String(payload)}`);
  }
  return words.sort();
}

it('a subscriber that throws ends alone, with its error and stack, leaves all groups everywhere, and its publisher sees nothing (failures F2)', async () => {
  const [thread] = near.scheduler.threads;
  const faulty = await near.spawn(fragile, ['all', observer.pid], { thread: thread ?? 'home' });
  const sound: Pid[] = [];
  for (const place of [thread ?? 'home', 'home'] as const) {
    sound.push(await near.spawn(fragile, ['sound', observer.pid], { thread: place }));
  }
  for (const _ of [faulty, ...sound])
    await observer.receive({ match: (message): message is string => message === 'subscribed' });
  near.pg.join('workers', faulty);
  near.pg.join('workers', faulty);
  near.pg.join('elsewhere', faulty);
  near.pg.join('workers', sound[0] as Pid);
  await until(
    'the far node knows the members',
    () => far.pg.members('workers').length === 3 && far.pg.members('elsewhere').length === 1,
  );
  await until('the far node knows the subscriber', () => far.clusterSync.remoteTargets('all').length === 1);
  const ref = observer.monitor(faulty);
  const publisher = far.attach();
  expect(await far.channel('all').publish('good')).toMatchObject({ nodes: 1, dropped: 0 });
  expect(await said(1)).toEqual([`${faulty} good`]);
  expect(await far.channel('all').publish('bad')).toMatchObject({ nodes: 1, dropped: 0 });
  const down = await observer.receive<DownMessage>({ match: isDown });
  expect(down).toMatchObject({
    ref,
    pid: faulty,
    reason: {
      error: { name: 'RangeError', message: 'cannot handle it', stack: expect.stringContaining('cluster-processes') },
    },
  });
  await until(
    'the far node has taken it out',
    () => far.pg.members('workers').length === 1 && far.clusterSync.remoteTargets('all').length === 0,
  );
  expect(far.pg.members('workers')).toEqual([sound[0]]);
  expect(far.pg.whichGroups()).toEqual(['workers']);
  expect(near.pg.members('elsewhere')).toEqual([]);
  expect(await far.channel('all').publish('nobody hears it')).toEqual({ local: 0, nodes: 0, dropped: 0 });
  await until('the far node knows both others', () => far.clusterSync.remoteTargets('sound').length === 2);
  await far.channel('sound').publish('on it goes');
  expect(await said(2)).toEqual(sound.map((pid) => `${pid} on it goes`).sort());
  await expect(publisher.receive({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'ERR_LIMINAL_RECEIVE_TIMEOUT' });
  publisher.close();
});
