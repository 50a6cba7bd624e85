/**
 * One row of groups, as an OS process of its own beside another with the other node: prints its figure as JSON.
 * Every time is from the order to the moment at which this node has seen the last change.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startNode } from 'liminal-node';

const GROUPS = 10_000;
const [, file, row] = process.argv;
process.env.LIMINAL_COOKIE ??= 'a cookie of the benchmark';
const cookie = process.env.LIMINAL_COOKIE;
const names = (count) => Array.from({ length: count }, (_, n) => `group ${n}`);

if (row === 'peer') await bePeer();
else {
  const node = await startNode({
    name: 'a@127.0.0.1',
    threads: 0,
    cookie,
    groups: row === 'groups-snapshot' ? { maxKeptJoins: 0 } : {},
  });
  const peer = await startPeer('b@127.0.0.1');
  const rows = {
    'groups-join': () => seen(() => peer.do('join', GROUPS), GROUPS),
    'groups-join-many': () => seen(() => peer.do('joinMany', GROUPS), GROUPS),
    async 'groups-leave'() {
      await seen(() => peer.do('joinMany', GROUPS), GROUPS);
      return seen(() => peer.do('leave', GROUPS), GROUPS);
    },
    async 'groups-snapshot'() {
      await seen(() => peer.do('joinMany', GROUPS), GROUPS);
      await seen(() => node.distribution.disconnect('b@127.0.0.1'), GROUPS);
      return seen(() => node.distribution.connect('b@127.0.0.1'), GROUPS);
    },
    async 'members-join'() {
      await peer.do('spawn', GROUPS);
      return seen(() => peer.do('joinOne', GROUPS), GROUPS);
    },
    async 'members-exit'() {
      await peer.do('spawn', GROUPS);
      await seen(() => peer.do('joinOne', GROUPS), GROUPS);
      return seen(() => peer.do('exit', GROUPS), GROUPS);
    },
    async 'groups-killed'() {
      await seen(() => peer.do('joinMany', GROUPS), GROUPS);
      return seen(() => peer.child.kill('SIGKILL'), GROUPS);
    },
    async 'groups-100000'() {
      global.gc();
      const before = process.memoryUsage().heapUsed;
      const ms = await seen(() => peer.do('join', 100_000), 100_000);
      global.gc();
      const here = (process.memoryUsage().heapUsed - before) / 2 ** 20;
      return { ms, mib: (await peer.do('heap')).mib, seenMib: here };
    },
    'groups-heal': () => heal(),
  };
  console.log(JSON.stringify(await rows[row]()));
  process.exit();

  /** Milliseconds from `order` until so many pids more have joined or left here. */
  async function seen(order, count) {
    const changes = node.pg.changes()[Symbol.asyncIterator]();
    await changes.next();
    const startedAt = performance.now();
    order();
    for (let left = count; left > 0; ) {
      const { value } = await changes.next();
      for (const change of [value, ...changes.readReady(Infinity)]) left -= change.pids.length;
    }
    const ms = performance.now() - startedAt;
    await changes.return();
    return ms;
  }

  /** Three nodes with 10,000 groups each; one is cut off and 100 joins come meanwhile. Time to equal views, and bytes. */
  async function heal() {
    const third = await startPeer('c@127.0.0.1');
    for (const each of [peer, third]) await seen(() => each.do('joinMany', GROUPS), GROUPS);
    const pid = node.attach().pid;
    node.pg.joinMany(names(GROUPS).map((group) => [group, pid]));
    for (const each of [peer, third]) await each.do('await', 3 * GROUPS);
    await seen(() => node.distribution.disconnect('b@127.0.0.1'), GROUPS);
    const joined = 100;
    await peer.do('joinMore', joined);
    await peer.do('await', 2 * GROUPS + joined);
    const before = node.distribution.counters.bytesIn + node.distribution.counters.bytesOut;
    const startedAt = performance.now();
    await seen(() => node.distribution.connect('b@127.0.0.1'), GROUPS + joined);
    await peer.do('await', 3 * GROUPS + joined);
    const ms = performance.now() - startedAt;
    const bytes = node.distribution.counters.bytesIn + node.distribution.counters.bytesOut - before;
    // What a change is on the wire: length of the name, name, thread, serial and count.
    const difference = names(joined).reduce((sum, name) => sum + 2 + `more ${name}`.length + 14, 0);
    return { ms, bytes, difference };
  }

  async function startPeer(name) {
    const child = fork(fileURLToPath(new URL(file, 'file:')), ['peer', name]);
    const [{ listen }] = await once(child, 'message');
    node.distribution.connect(listen);
    for await (const { type, session } of node.membership()) if (type === 'up' && session.node === name) break;
    // The peer has then been told who it is connected to, and what is here: as in the rows on Erlang.
    while (!node.pg.isSynced(name)) await new Promise((resolve) => setTimeout(resolve, 5));
    // One order at a time: an answer does not say which it is for.
    let last = Promise.resolve();
    const perform = async (order, count) => {
      child.send({ order, count });
      const [answer] = await once(child, 'message');
      return answer;
    };
    return {
      child,
      do(order, count) {
        last = last.then(() => perform(order, count));
        return last;
      },
    };
  }
}

async function bePeer() {
  const node = await startNode({ name: process.argv[3], threads: 0, cookie });
  process.once('disconnect', () => process.exit());
  const { pg, scheduler } = node;
  const me = node.attach();
  let pids = [];
  global.gc();
  const before = process.memoryUsage().heapUsed;
  const orders = {
    join: (count) => {
      for (const group of names(count)) pg.join(group, me.pid);
    },
    joinMany: (count) => pg.joinMany(names(count).map((group) => [group, me.pid])),
    joinMore: (count) => {
      for (const group of names(count)) pg.join(`more ${group}`, me.pid);
    },
    leave: (count) => {
      for (const group of names(count)) pg.leave(group, me.pid);
    },
    spawn: (count) => {
      pids = Array.from({ length: count }, () => node.spawnLocal((self) => self.receive(), []));
    },
    joinOne: () => {
      for (const pid of pids) pg.join('one', pid);
    },
    exit: () => {
      for (const pid of pids) scheduler.exitProcess(pid, 'kill');
    },
    async await(count) {
      const joins = () => pg.whichGroups().reduce((sum, group) => sum + pg.members(group).length, 0);
      while (joins() !== count) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    heap: () => {
      global.gc();
      return { mib: (process.memoryUsage().heapUsed - before) / 2 ** 20 };
    },
  };
  process.on('message', async ({ order, count }) => process.send({ ...(await orders[order](count)) }));
  process.send({ listen: node.listen });
}
