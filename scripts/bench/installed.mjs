/** Which peers can run on this machine. Who cannot is named once, with what installs it. */
import { execFileSync } from 'node:child_process';

/** What each peer needs: a command of Debian's packages, and a client of `scripts/bench/package.json`. */
const NEEDS = {
  'Erlang/OTP': { command: 'erl', debian: 'erlang-base' },
  NATS: { command: 'nats-server', client: '@nats-io/transport-node' },
  Redis: { command: 'redis-server', client: 'ioredis' },
  Moleculer: { client: 'moleculer' },
  comlink: { client: 'comlink' },
};

const named = new Set();

/** @returns the row with the peers that can run here. The name of a peer may go on after a comma. */
export function withInstalledPeers(row) {
  const peers = Object.entries(row.peers ?? {}).filter(([name]) => {
    const [system] = name.split(', ');
    const why = missing(NEEDS[system] ?? {});
    if (why !== undefined && !named.has(system)) console.error(`left out: ${system}: ${why}`);
    if (why !== undefined) named.add(system);
    return why === undefined;
  });
  return { ...row, peers: Object.fromEntries(peers) };
}

/** Those that were left out. */
export const leftOut = () => [...named];

function missing({ command, debian = command, client }) {
  try {
    if (client !== undefined) import.meta.resolve(client);
  } catch {
    return `${client} is not installed: npm ci --prefix scripts/bench`;
  }
  if (command === undefined || hasCommand(command)) return undefined;
  return `${command} is not installed: apt-get install ${debian}`;
}

function hasCommand(command) {
  try {
    execFileSync('which', [command], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
