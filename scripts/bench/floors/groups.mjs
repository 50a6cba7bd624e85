/**
 * `node groups.mjs ROW`: the floor of a row of groups, in milliseconds: two OS processes with a socket between them, and `Map`s.
 * As in the rows, each is measured once in a program that has just been started.
 *
 *   u32 length | u8 1 for joined, 2 for left | u16 length, group | u32 thread, u48 serial | u32 joins
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';

const COUNT = 10_000;
const WRITTEN_AT_ONCE = 64 * 1_024;
const JOINED = 1;
const LEFT = 2;
const ROWS = ['groups-join', 'groups-leave', 'groups-snapshot', 'members-join', 'members-exit'];

function write(bytes, start, what, group, serial, joins) {
  const length = bytes.write(group, start + 7, 'latin1');
  bytes[start + 4] = what;
  bytes.writeUInt16BE(length, start + 5);
  const at = start + 7 + length;
  bytes.writeUInt32BE(0, at);
  bytes.writeUIntBE(serial, at + 4, 6);
  bytes.writeUInt32BE(joins, at + 10);
  bytes.writeUInt32BE(at + 14 - start - 4, start);
  return at + 14;
}

async function beMembersNode() {
  const groups = new Map();
  const sockets = new Set();
  let bytes = Buffer.allocUnsafe(WRITTEN_AT_ONCE);
  let length = 0;
  const flush = () => {
    if (length === 0) return;
    for (const socket of sockets) socket.write(bytes.subarray(0, length));
    bytes = Buffer.allocUnsafe(WRITTEN_AT_ONCE);
    length = 0;
  };
  const tell = (what, group, serial, joins) => {
    if (length === 0) setImmediate(flush);
    if (length > WRITTEN_AT_ONCE - 500) flush();
    length = write(bytes, length, what, group, serial, joins);
  };
  const join = (group, serial) => {
    const members = groups.get(group) ?? new Map();
    groups.set(group, members);
    const joins = (members.get(serial) ?? 0) + 1;
    members.set(serial, joins);
    if (sockets.size > 0) tell(JOINED, group, serial, joins);
  };
  const leave = (group, serial) => {
    const members = groups.get(group);
    members.delete(serial);
    if (members.size === 0) groups.delete(group);
    tell(LEFT, group, serial, 0);
  };
  const each = (change) => {
    for (let n = 0; n < COUNT; n++) change(n);
  };
  const orders = {
    join: () => each((n) => join(`group ${n}`, 7)),
    leave: () => each((n) => leave(`group ${n}`, 7)),
    joinOne: () => each((n) => join('one', n)),
    exit: () => each((n) => leave('one', n)),
  };
  const server = net.createServer((socket) => {
    socket.setNoDelay();
    socket.on('error', () => sockets.delete(socket));
    sockets.add(socket);
    for (const [group, members] of groups) for (const [serial, joins] of members) tell(JOINED, group, serial, joins);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.once('disconnect', () => process.exit());
  process.on('message', (order) => {
    orders[order]();
    process.send('done');
  });
  process.send(server.address().port);
}

async function observe(row) {
  const child = fork(process.argv[1], ['members']);
  const [port] = await once(child, 'message');
  const view = new Map();
  const ofNode = new Map();
  let changes = [];
  let wake = () => {};

  const take = (bytes, start) => {
    const what = bytes[start];
    const length = bytes.readUInt16BE(start + 1);
    const at = start + 3 + length;
    const group = bytes.toString('utf8', start + 3, at);
    const pid = `b@127.0.0.1/abc#${bytes.readUInt32BE(at)}.${bytes.readUIntBE(at + 4, 6)}`;
    for (const groups of [view, ofNode]) {
      const members = groups.get(group) ?? new Map();
      groups.set(group, members);
      if (what === JOINED) members.set(pid, bytes.readUInt32BE(at + 10));
      else if (members.delete(pid) && members.size === 0) groups.delete(group);
    }
    changes.push({ type: what === JOINED ? 'join' : 'leave', group, pids: [pid] });
  };
  const connect = async () => {
    const socket = net.connect(port, '127.0.0.1');
    socket.setNoDelay();
    let rest = Buffer.alloc(0);
    socket.on('data', (data) => {
      const bytes = rest.length === 0 ? data : Buffer.concat([rest, data]);
      let at = 0;
      while (bytes.length - at >= 4 && bytes.length - at - 4 >= bytes.readUInt32BE(at)) {
        take(bytes, at + 4);
        at += 4 + bytes.readUInt32BE(at);
      }
      rest = bytes.subarray(at);
      setImmediate(wake);
    });
    await once(socket, 'connect');
  };
  const order = async (name) => {
    child.send(name);
    await once(child, 'message');
  };
  const seen = async (begin) => {
    const startedAt = performance.now();
    const begun = begin();
    for (let left = COUNT; left > 0; ) {
      if (changes.length === 0) {
        await new Promise((resolve) => {
          wake = resolve;
        });
      }
      for (const { pids } of changes) left -= pids.length;
      changes = [];
    }
    const ms = performance.now() - startedAt;
    await begun;
    return ms;
  };

  if (row === 'groups-snapshot') {
    await order('join');
    return seen(connect);
  }
  await connect();
  const [first, second] = row.startsWith('groups') ? ['join', 'leave'] : ['joinOne', 'exit'];
  const joined = await seen(() => order(first));
  return row.endsWith('join') ? joined : seen(() => order(second));
}

const [, , row] = process.argv;
if (row === 'members') await beMembersNode();
else {
  if (!ROWS.includes(row)) throw new Error(`no such row; there are ${ROWS.join(', ')}`);
  console.log(await observe(row));
  process.exit();
}
