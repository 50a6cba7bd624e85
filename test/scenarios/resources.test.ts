/** What a node takes of its machine when it has nothing to do, and what it does when the machine has nothing left. */
import { execFile, execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { ClusterNode, startChain, startPair, until } from '../support/cluster.js';

it('an idle cluster sets a few timers for each heartbeat, none shorter, and takes next to no CPU (A26)', async () => {
  const nodes = await startChain('a', 'b', 'c');
  try {
    for (const node of nodes) await node.call('subscribe', 'quiet');
    for (const node of nodes)
      await node.targets(
        'quiet',
        nodes.filter((other) => other !== node).map(({ name }) => name),
      );
    const windowMs = 6_000;
    // What came with joining has gone after the first.
    await Promise.all(nodes.map((node) => node.call('watchIdle', windowMs / 2)));
    const idle = await Promise.all(nodes.map((node) => node.call('watchIdle', windowMs)));
    const { heartbeatIntervalMs } = { heartbeatIntervalMs: 2_500 };
    for (const { timerDelays, cpuMs } of idle) {
      expect(timerDelays.length).toBeGreaterThan(0);
      expect(timerDelays.length).toBeLessThanOrEqual(6 * Math.ceil(windowMs / heartbeatIntervalMs));
      expect(timerDelays.filter((delay) => delay < heartbeatIntervalMs)).toEqual([]);
      expect(cpuMs).toBeLessThan(windowMs / 20);
    }
  } finally {
    for (const node of nodes) await node.kill();
  }
});

it('a node loads what makes metrics with the first scrape, and what runs blocking work with the first job', async () => {
  const program = `
    import { createRequire } from 'node:module';
    import { startNode } from 'liminal-node';
    const node = await startNode({ listen: 'off', http: '127.0.0.1:0', threads: 0, cookie: 'a cookie of this test' });
    const loaded = () => {
      const files = Object.keys(createRequire(import.meta.url).cache);
      return ['prom-client', 'piscina'].filter((name) => files.some((file) => file.includes('/' + name + '/')));
    };
    const at = [loaded()];
    await (await fetch('http://' + node.http + '/metrics')).text();
    at.push(loaded());
    await new Promise((done) => node.spawnLocal(async (self) => {
      await self.block({ module: 'node:os', name: 'uptime' }, []).then(done, done);
    }, []));
    at.push(loaded());
    console.log(JSON.stringify(at));
    await node.drain();
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
  expect(JSON.parse(stdout)).toEqual([[], ['prom-client'], ['prom-client', 'piscina']]);
});

it('a node without a file descriptor left keeps its sessions, and takes connections again when there is one (F81)', async () => {
  const forC = new ClusterNode();
  const [a, b] = await startPair();
  await using _a = a;
  await using _b = b;
  const onA = await a.call('subscribe', 'orders');
  await b.targets('orders', [a.name]);
  const open = (): number => readdirSync(`/proc/${a.pid}/fd`).length;
  const most = open() + 10;
  execFileSync('prlimit', [`--pid=${a.pid}`, `--nofile=${most}`]);
  const [host = '', port = ''] = a.listen.split(':');
  const { accepted } = await a.call('distributionCounters');
  const strangers: Socket[] = [];
  let refused = 0;
  for (let at = 0; at < 60; at++) {
    const socket = connect(Number(port), host);
    socket.on('error', () => {});
    socket.on('close', () => refused++);
    strangers.push(socket);
  }
  await until(
    'a has no descriptor left, and turns strangers away',
    () => refused >= 40,
    () => `${refused}, ${open()} of ${most}`,
  );
  // The others were closed before the node could see them.
  expect((await a.call('distributionCounters')).accepted - accepted).toBeLessThanOrEqual(20);
  for (let n = 0; n < 10; n++) await b.call('publish', 'orders', n);
  expect(await a.received(onA, 10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  for (const socket of strangers) socket.destroy();
  await using c = await forC.start({ name: 'c@127.0.0.1', seeds: [a.listen] });
  await c.targets('orders', [a.name]);
  expect((await b.call('distributionCounters')).sessionsDown).toEqual({});
});
