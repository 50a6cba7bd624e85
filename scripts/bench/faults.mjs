/**
 * `node faults.mjs ROW`: how soon nodes notice, and what faults cost, as JSON. Nodes are in this OS process, and in others
 * where one has to die or freeze, on real sockets. ROUNDS, RATE and SECONDS in the environment change how much is done.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { startNode } from 'liminal-node';

process.env.LIMINAL_COOKIE ??= 'a cookie of the benchmark';
const cookie = process.env.LIMINAL_COOKIE;
const rounds = (standard) => Number(process.env.ROUNDS ?? standard);
const seconds = (standard) => Number(process.env.SECONDS ?? standard);

/** A support of the tests, which are in TypeScript. */
async function support(module) {
  await import('../../test/support/load-typescript.mjs');
  return import(`../../test/support/${module}.ts`);
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
async function until(isSo) {
  const end = performance.now() + 120_000;
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`not within 120 s: ${isSo}`);
    await turn();
  }
}

function quantiles(figures) {
  const sorted = figures.sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: sorted.at(-1) };
}

/** A node in an OS process of its own. */
async function startPeer(options) {
  const child = fork(new URL('./fault-peer.mjs', import.meta.url));
  await once(child, 'message');
  let asked = 0;
  const ask = (command, args) =>
    new Promise((resolve) => {
      const id = asked++;
      const answer = (message) => {
        if (message.id !== id) return;
        child.off('message', answer);
        resolve(message.value);
      };
      child.on('message', answer);
      child.send({ id, command, args });
    });
  const { listen } = await ask('start', options);
  return { child, ask, listen };
}

async function startHere(count, options = {}) {
  const first = await startNode({ name: 'n0@127.0.0.1', cookie, threads: 0, ...options });
  const others = Array.from({ length: count - 1 }, (_, at) =>
    startNode({ name: `n${at + 1}@127.0.0.1`, cookie, threads: 0, seeds: [first.listen], ...options }),
  );
  const nodes = [first, ...(await Promise.all(others))];
  await until(() => nodes.every((node) => node.distribution.sessions().length === count - 1));
  return nodes;
}

/** Milliseconds from `fault` until each of the nodes has purged that peer and told everybody. */
async function purgedAfter(nodes, name, fault) {
  let left = nodes.length;
  const done = new Promise((resolve) => {
    for (const node of nodes) {
      const stop = node.distribution.onMembership('everyone', ({ type, session }) => {
        if (type !== 'down' || session.node !== name) return;
        stop();
        if (node.clusterSync.remoteTargets('load').some((target) => target.node === name)) throw new Error('a ghost');
        if (--left === 0) resolve(performance.now());
      });
    }
  });
  const startedAt = performance.now();
  fault();
  return (await done) - startedAt;
}

/** A peer that is in an OS process of its own, connected to all of `nodes`. */
async function joinedPeer(nodes) {
  const peer = await startPeer({ name: 'victim@127.0.0.1', seeds: [nodes[0].listen] });
  await until(() => nodes.every((node) => node.clusterSync.remoteTargets('load').length === 1));
  return peer;
}

async function deadNode() {
  const nodes = await startHere(2);
  const figures = [];
  for (let round = 0; round < rounds(10); round++) {
    const { child } = await joinedPeer(nodes);
    figures.push(await purgedAfter(nodes, 'victim@127.0.0.1', () => child.kill('SIGKILL')));
  }
  await Promise.all(nodes.map((node) => node.drain()));
  return quantiles(figures);
}

async function frozenPeer() {
  const nodes = await startHere(2);
  const { child } = await joinedPeer(nodes);
  const figure = await purgedAfter(nodes, 'victim@127.0.0.1', () => child.kill('SIGSTOP'));
  child.kill('SIGKILL');
  await Promise.all(nodes.map((node) => node.drain()));
  return quantiles([figure]);
}

/** Nodes here, behind proxies. */
async function startProxied(count, distribution = {}) {
  const { ProxiedNetwork } = await support('proxied-network');
  const { freePort } = await support('free-port');
  const listen = await Promise.all(Array.from({ length: count }, freePort));
  const network = await ProxiedNetwork.start({ nodes: count, seed: 1, to: (at) => `127.0.0.1:${listen[at]}` });
  const nodes = await Promise.all(
    listen.map((port, at) =>
      startNode({
        name: `n${at}@127.0.0.1`,
        cookie,
        threads: 0,
        listen: `127.0.0.1:${port}`,
        seeds: at === 0 ? [] : [network.address(0)],
        distribution: { ...distribution, advertise: network.address(at) },
      }),
    ),
  );
  const meshed = () => nodes.every((node) => node.distribution.sessions().length === count - 1);
  await until(meshed);
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.drain()));
    await network[Symbol.asyncDispose]();
  };
  return { nodes, network, meshed, stop };
}

async function deadSocket() {
  const { nodes, network, meshed, stop } = await startProxied(2, { redialMinMs: 1, redialMaxMs: 10, stableAfterMs: 0 });
  const [a, b] = nodes;
  const figures = [];
  for (let round = 0; round < rounds(200); round++) {
    const startedAt = performance.now();
    const ends = Promise.all([purgedAfter([a], b.name, () => {}), purgedAfter([b], a.name, () => {})]);
    network.cut('reset', 0, 1);
    await ends;
    figures.push(performance.now() - startedAt);
    await until(meshed);
  }
  await stop();
  return quantiles(figures);
}

/** From heal until every node lists every member of 10,000 groups on each of three nodes, and what that took. */
async function heal() {
  const groups = 10_000;
  const { nodes, network, stop } = await startProxied(3, { heartbeatIntervalMs: 200, heartbeatTimeoutMs: 1_000 });
  for (const node of nodes) {
    const { pid } = node.attach();
    for (let group = 0; group < groups; group++) node.pg.join(`group ${group}`, pid);
  }
  const sees = (node, other) => node.pg.membersOf(other.name).size;
  const equal = () => nodes.every((node) => nodes.every((other) => sees(node, other) === groups));
  await until(equal);
  const part = network.part([0], [1, 2]);
  await until(() => nodes[0].distribution.sessions().length === 0);
  await until(() => sees(nodes[1], nodes[0]) === 0 && sees(nodes[2], nodes[0]) === 0);
  const bytes = () => nodes.reduce((sum, node) => sum + node.distribution.counters.bytesOut, 0);
  const before = bytes();
  const startedAt = performance.now();
  part();
  await until(() => nodes.every((node) => node.distribution.sessions().length === 2));
  const up = performance.now() - startedAt;
  await until(equal);
  const figure = { up, ms: performance.now() - startedAt, bytes: bytes() - before };
  await stop();
  return figure;
}

/** Restarts under one name, where each life gives its processes the same numbers as the one before. */
async function restarts() {
  const [survivor] = await startHere(1);
  const count = rounds(200);
  const { freePort } = await support('free-port');
  const port = await freePort();
  const downs = [];
  const watcher = survivor.attach({ mailbox: { maxItems: 1e6 } });
  void (async () => {
    for await (const message of watcher.messages()) downs.push(message.ref);
  })();
  const refs = [];
  const serials = new Set();
  let stale;
  let wrong = 0;
  const startedAt = performance.now();
  for (let round = 0; round < count; round++) {
    const life = await startNode({
      name: 'restarted@127.0.0.1',
      cookie,
      threads: 0,
      listen: `127.0.0.1:${port}`,
      seeds: [survivor.listen],
    });
    const target = life.attach();
    serials.add(target.pid.replace(/#[^.]*\./, '#'));
    void (async () => {
      for await (const message of target.messages()) if (message !== round) wrong++;
    })();
    await until(() => survivor.distribution.sessions().length === 1);
    refs.push(watcher.monitor(target.pid));
    if (stale !== undefined) for (let copy = 0; copy < 10; copy++) survivor.send(stale, 'for the dead');
    survivor.send(target.pid, round);
    stale = target.pid;
    await survivor.distribution.flush();
    // Without a goodbye in one of two.
    if (round % 2 === 0) await life.distribution.stop();
    await life.drain();
    await until(() => survivor.distribution.sessions().length === 0);
  }
  await until(() => downs.length >= refs.length);
  await turn();
  const twice = downs.length - new Set(downs).size;
  const missing = refs.filter((ref) => !downs.includes(ref)).length;
  const figure = { count, wrong, twice, missing, numbers: serials.size, s: (performance.now() - startedAt) / 1_000 };
  await survivor.drain();
  return figure;
}

/**
 * 10,000 publishes a second to two peers, one of which reads 20 kB a second: memory, the other's latency, and
 * where each message is: delivered, refused by the budget, dropped with a session or in flight in one that went down
 * for its slowness, or published while it was away. RATE and SECONDS in the environment change the load.
 */
async function stalledPeer() {
  const lasts = seconds(20);
  const patient = { heartbeatIntervalMs: 1_000, heartbeatTimeoutMs: 60_000, writeTimeoutMs: 60_000 };
  const node = await startNode({ name: 'n0@127.0.0.1', cookie, threads: 0, distribution: patient });
  const { FaultProxy } = await support('fault-proxy');
  const proxy = await FaultProxy.start({ to: node.listen, seed: 1 });
  const options = { dialLearned: false, distribution: patient };
  const prompt = await startPeer({ name: 'n1@127.0.0.1', seeds: [node.listen], listen: 'off', ...options });
  const stalled = await startPeer({ name: 'n2@127.0.0.1', seeds: [proxy.address], listen: 'off', ...options });
  await until(() => node.clusterSync.remoteTargets('load').length === 2);
  const channel = node.channel('load');
  const text = 'x'.repeat(80);
  let published = 0;
  let refused = 0;
  /** Published while the stalled peer was not connected. */
  let untargeted = 0;
  const isStalled = (session) => session.node === 'n2@127.0.0.1';
  const sessions = node.distribution.sessions().filter(isStalled);
  const downs = [];
  node.distribution.onMembership('everyone', (event) => {
    if (!isStalled(event.session)) return;
    if (event.type === 'up') sessions.push(event.session);
    else downs.push(event.reason);
  });
  const drive = async (forSeconds, look) => {
    const startedAt = performance.now();
    for (let done = 0; performance.now() < startedAt + forSeconds * 1_000; ) {
      for (
        const due = ((performance.now() - startedAt) / 1_000) * Number(process.env.RATE ?? 10_000);
        done < due;
        done++
      ) {
        published++;
        void channel.publish({ at: performance.timeOrigin + performance.now(), text }).then(({ nodes, dropped }) => {
          refused += dropped;
          untargeted += 2 - nodes - dropped;
        });
      }
      look();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return prompt.ask('latencies');
  };
  await drive(5, () => {});
  const base = await drive(10, () => {});
  globalThis.gc?.();
  const baseRss = process.memoryUsage.rss();
  let rss = baseRss;
  proxy.down.bytesPerSecond = 20_000;
  const loaded = await drive(lasts, () => {
    rss = Math.max(rss, process.memoryUsage.rss());
  });
  proxy.down.bytesPerSecond = Number.POSITIVE_INFINITY;
  await node.distribution.flush();
  let got = 0;
  let promptGot = 0;
  const end = performance.now() + 60_000;
  const sum = (what) => sessions.reduce((all, { traffic }) => all + traffic[what], 0);
  // What is in flight in a session that stands arrives.
  let before = -1;
  while ((got > before || promptGot < published || sessions.at(-1).up === false) && performance.now() < end) {
    before = got;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    got = (await stalled.ask('latencies')).count;
    promptGot = (await prompt.ask('latencies')).count;
  }
  const figure = {
    seconds: lasts,
    rssMb: (rss - baseRss) / 2 ** 20,
    baseP99: base.p99,
    p99: loaded.p99,
    published,
    refused,
    got,
    promptGot,
    untargeted,
    dropped: sum('dropped'),
    inFlight: sum('written') + sum('uncertain') - got,
    downs: [...downs],
    unaccounted: published - refused - untargeted - sum('queued'),
  };
  for (const { child } of [prompt, stalled]) child.kill('SIGKILL');
  await node.drain();
  await proxy[Symbol.asyncDispose]();
  return figure;
}

const ROWS = {
  'dead-socket': deadSocket,
  'dead-node': deadNode,
  'frozen-peer': frozenPeer,
  heal,
  restarts,
  'stalled-peer': stalledPeer,
};

console.log(JSON.stringify(await ROWS[process.argv[2]]()));
process.exit();
