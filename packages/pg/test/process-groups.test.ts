/** Groups for processes on scheduler threads. */
import { answerProcesses, type GroupMessage, groupsOf, type Pg, startPg } from '@liminal-node/pg';
import { type AttachedProcess, type Pid, type Ref, Scheduler } from '@liminal-node/scheduler';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type GroupOrder, groupProcess, listener } from './group-processes.js';

let scheduler: Scheduler;
let pg: Pg;
let me: AttachedProcess;
let scopes = 0;

beforeAll(async () => {
  scheduler = await Scheduler.start({ threads: 2 });
});
afterAll(() => scheduler.stop());
beforeEach(() => {
  me = scheduler.attach();
  pg = startScope();
});

function startScope(options: { maxQueuedChanges?: number } = {}): Pg {
  const started = startPg({ scope: `scope ${scopes++}`, scheduler, distribution: undefined, ...options });
  answerProcesses(scheduler, started);
  return started;
}

const orders = (pid: Pid, replyTo: AttachedProcess = me) => ({
  pid,
  async do<T>(...order: GroupOrder): Promise<T> {
    scheduler.send(pid, { order, replyTo: replyTo.pid });
    const { value, error } = await replyTo.receive<{ value: T; error?: string }>();
    if (error !== undefined) throw Object.assign(new Error(error), { code: error });
    return value;
  },
});

async function start(thread?: number | 'home') {
  return orders(await scheduler.spawn(groupProcess, [pg.scope], thread === undefined ? {} : { thread }));
}

/** The changes of a listener summed up, which throws for a leave of what is no member. */
function sumOf(groups: ReadonlyMap<string, readonly Pid[]>, heard: readonly GroupMessage[]): Map<string, Pid[]> {
  const sum = new Map([...groups].map(([group, pids]) => [group, [...pids]]));
  for (const message of heard) {
    if (message.type === 'end') throw new Error(`the monitor ended: ${message.reason}`);
    const members = sum.get(message.group) ?? [];
    for (const pid of message.pids) {
      if (message.type === 'join') members.push(pid);
      else if (members.includes(pid)) members.splice(members.indexOf(pid), 1);
      else throw new Error(`${pid} left ${message.group}, where it was not`);
    }
    if (members.length > 0) sum.set(message.group, members);
    else sum.delete(message.group);
  }
  return sum;
}

describe('a process on a scheduler thread', () => {
  test('joins, leaves and asks, for itself and for other processes of its node', async () => {
    const [one, other] = [await start(), await start()];
    await one.do('join', ['g', 'h', 'g']);
    await one.do('join', 'g', other.pid);
    expect(await other.do('members', 'g')).toEqual([one.pid, one.pid, other.pid]);
    expect(await other.do('localMembers', 'h')).toEqual([one.pid]);
    expect(await one.do('whichGroups')).toEqual(['g', 'h']);
    expect(await one.do('leave', ['g', 'h', 'h'])).toBe(2);
    expect(await one.do('whichLocalGroups')).toEqual(['g']);
    await expect(one.do('join', ['g', ''])).rejects.toThrow(/must be/);
    expect(pg.members('g')).toEqual([one.pid, other.pid]);
  });

  test('gets the code of what is refused', async () => {
    const one = await start();
    pg.stop();
    await expect(one.do('join', 'g')).rejects.toMatchObject({ code: 'ERR_LIMINAL_SCOPE_STOPPED' });
  });

  test('P9: that monitors a scope gets all groups, then each change once, however many there are at that moment', async () => {
    const home = scheduler.attach();
    const others = await Promise.all(Array.from({ length: 4 }, () => start()));
    const listening: Pid[] = [];
    const began: Promise<Pid>[] = [];
    for (let n = 0; n < 3_000; n++) {
      const pid = others[n % 4]?.pid as Pid;
      if (n % 3 === 0)
        pg.joinMany([
          [`group ${n % 7}`, pid],
          [`group ${n % 5}`, pid],
        ]);
      else pg.leave(`group ${n % 7}`, pid);
      if (n % 300 === 150) began.push(scheduler.spawn(listener, [pg.scope, home.pid]));
      if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    listening.push(...(await Promise.all(began)));
    const snapshots = [];
    for (let n = 0; n < listening.length; n++) {
      snapshots.push(await home.receive({ match: (m): m is { groups: Map<string, Pid[]> } => 'groups' in Object(m) }));
    }
    pg.join('the end', home.pid);
    const listed = new Map(pg.whichGroups().map((group) => [group, [...pg.members(group)].sort()]));
    const sums = [];
    for (let n = 0; n < listening.length; n++) {
      const { heard } = await home.receive({ match: (m): m is { heard: GroupMessage[] } => 'heard' in Object(m) });
      // Which snapshot is whose shows in that one of them fits, and none where a change is missing or double.
      sums.push(
        snapshots.some(({ groups }) => {
          try {
            const sum = new Map([...sumOf(groups, heard)].map(([group, pids]) => [group, pids.sort()]));
            return JSON.stringify([...sum].sort()) === JSON.stringify([...listed].sort());
          } catch {
            return false;
          }
        }),
      );
    }
    expect(sums).toEqual(Array(listening.length).fill(true));
    home.close();
  });

  test('P10: that monitors a group gets the changes of that group alone, also of one that does not exist yet', async () => {
    const one = await start();
    const { ref, members } = await one.do<{ ref: Ref; members: Pid[] }>('monitor', 'g');
    expect(members).toEqual([]);
    pg.join('other', one.pid);
    pg.joinMany([
      ['g', one.pid],
      ['g', me.pid],
    ]);
    pg.leave('g', me.pid);
    const node = scheduler.node;
    expect(await one.do('changes', 2)).toEqual([
      { signal: 'group', ref, type: 'join', group: 'g', node, pids: [one.pid, me.pid] },
      { signal: 'group', ref, type: 'leave', group: 'g', node, pids: [me.pid] },
    ]);
  });

  test('P11: that demonitors hears nothing more, and what was queued is flushed; an unknown ref gives false', async () => {
    const one = await start();
    const { ref } = await one.do<{ ref: Ref }>('monitorScope');
    const kept = await one.do<{ ref: Ref }>('monitor', 'g');
    pg.join('g', me.pid);
    expect(await one.do('demonitor', ref)).toBe(true);
    expect(await one.do('demonitor', ref)).toBe(false);
    expect(await one.do('demonitor', scheduler.attach().makeRef())).toBe(false);
    pg.leave('g', me.pid);
    const heard = await one.do<GroupMessage[]>('changes', 2);
    expect(heard.map((message) => [message.ref, message.type])).toEqual([
      [kept.ref, 'join'],
      [kept.ref, 'leave'],
    ]);
    expect(await one.do('waiting')).toBe(0);
  });

  test('P11: that demonitors finds no message of that monitor in its mailbox any more', async () => {
    const groups = groupsOf(me, pg.scope);
    const [{ ref }, kept] = [await groups.monitorScope(), await groups.monitor('g')];
    const of =
      (wanted: Ref) =>
      (message: unknown): message is GroupMessage =>
        (message as GroupMessage).ref === wanted;
    pg.join('g', me.pid);
    // The monitor of the scope is served first.
    await me.receive({ match: of(kept.ref) });
    expect(await groups.demonitor(ref)).toBe(true);
    await expect(me.receive({ match: of(ref), timeoutMs: 0 })).rejects.toMatchObject({
      code: 'ERR_LIMINAL_RECEIVE_TIMEOUT',
    });
  });

  test('P12: that ends takes its monitors along, also when its thread is lost', async () => {
    const [thread] = scheduler.threads;
    if (thread === undefined) throw new Error('no thread');
    const [one, other] = [await start('home'), await start(thread)];
    await one.do('monitorScope');
    await other.do('monitorScope');
    await other.do('monitor', 'g');
    const open = () => pg.readers;
    expect(open()).toBe(3);
    const ended = Promise.all([one, other].map(({ pid }) => new Promise((resolve) => scheduler.onExit(pid, resolve))));
    scheduler.exitProcess(one.pid, 'kill');
    await scheduler.endThread(thread);
    await ended;
    await expect.poll(open, { timeout: 30_000 }).toBe(0);
  });

  test('whose mailbox is full loses no change: each comes when there is room', async () => {
    const narrow = scheduler.attach({ mailbox: { maxItems: 2 } });
    await groupsOf(narrow, pg.scope).monitorScope();
    for (let n = 0; n < 500; n++) pg.join(`group ${n}`, me.pid);
    const heard: unknown[] = [];
    while (heard.length < 500) heard.push((await narrow.receive<{ group: string }>()).group);
    expect(heard).toEqual(Array.from({ length: 500 }, (_, n) => `group ${n}`));
    expect(narrow.dropped).toBe(0);
    narrow.close();
  });

  test('that leaves more unread than may wait is told so, and can monitor anew', async () => {
    pg = startScope({ maxQueuedChanges: 100 });
    const narrow = scheduler.attach({ mailbox: { maxItems: 1 } });
    const groups = groupsOf(narrow, pg.scope);
    const { ref } = await groups.monitorScope();
    // In one turn, so that nothing is fetched in between.
    for (let n = 0; n < 200; n++) pg.join('g', me.pid);
    let last: GroupMessage;
    do last = await narrow.receive();
    while (last.type !== 'end');
    expect(last).toEqual({ signal: 'group', ref, type: 'end', reason: 'overflow' });
    expect(await groups.demonitor(ref)).toBe(false);
    expect((await groups.monitor('g')).members).toHaveLength(200);
    narrow.close();
  });

  test('is told when the scope stops', async () => {
    const one = await start();
    const { ref } = await one.do<{ ref: Ref }>('monitor', 'g');
    pg.join('g', me.pid);
    pg.stop();
    const heard = await one.do<GroupMessage[]>('changes', 2);
    expect(heard.at(-1)).toEqual({ signal: 'group', ref, type: 'end', reason: 'stopped' });
  });
});

test('a program that is attached uses groups as a process does', async () => {
  const groups = groupsOf(me, pg.scope);
  const { ref } = await groups.monitor('g');
  await groups.join('g');
  expect(await me.receive()).toMatchObject({ signal: 'group', ref, type: 'join', pids: [me.pid] });
  me.close();
  await expect.poll(() => pg.members('g'), { timeout: 30_000 }).toEqual([]);
});
