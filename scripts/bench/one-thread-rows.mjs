/** The rows of one thread, beside Erlang/OTP with one scheduler. */
import { compiledErlang } from './erlang.mjs';
import { memoryOfEach, rate } from './figures.mjs';
import { runCommand, runFile } from './run-file.mjs';

const GROUP = 'One thread';

/** Our row, its title, OTP's row, and the kind of figure. */
const ROWS = [
  ['ping-pong-handlers', 'round trips of two processes, handlers', 'ping-pong', rate],
  ['ping-pong-await', 'round trips of two processes, `await receive()`', 'ping-pong', rate],
  ['one-way', 'messages one way', 'one-way', rate],
  ['fan-out-1000', 'deliveries to 1,000 processes, by sends', 'fan-out-1000', rate],
  ['spawn', 'processes that start and end, handlers', 'spawn', rate],
  ['idle-handlers', 'memory of an idle process, handler; spawns', 'idle', memoryOfEach],
  ['idle-bodies', 'memory of an idle process, `async` body; spawns', 'idle', memoryOfEach],
  ['million-alive', 'a million processes alive: memory of each; spawns', 'million-alive', memoryOfEach],
];

const ours = (row) => runFile('one-thread.mjs', [row], ['--expose-gc', '--max-old-space-size=4096']);

const erlang = (row) => {
  const flags = ['+S', '1', '+P', '2000000', '-noshell', '-pa', compiledErlang('one_thread')];
  return runCommand('erl', [...flags, '-run', 'one_thread', 'main', row]);
};

export const oneThreadRows = ROWS.map(([name, title, peer, figure]) => ({
  group: GROUP,
  name,
  title,
  run: () => ours(name),
  peers: { 'Erlang/OTP': () => erlang(peer) },
  ...figure,
}));
