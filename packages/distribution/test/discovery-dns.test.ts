/** Discovery by a domain name server, over real sockets. */
import type { NodeName } from '@liminal-node/scheduler';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Distribution, startDistribution } from '../src/distribution.js';
import { createDnsResolver } from '../src/dns-resolver.js';
import type { DistributionOptions } from '../src/options.js';
import { type DnsServer, startDnsServer } from './dns-server.js';

let dns: DnsServer;
let nodes: Distribution[];
beforeEach(async () => {
  dns = await startDnsServer();
  nodes = [];
});
afterEach(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  await dns[Symbol.asyncDispose]();
});

let creation = 0;
async function start(name: string, options: Partial<DistributionOptions> = {}): Promise<Distribution> {
  const node = await startDistribution({
    name: `${name}@h` as NodeName,
    creation: ++creation,
    cookie: 'secret',
    listen: { host: '127.0.0.1', port: 0 },
    resolver: createDnsResolver([dns.address]),
    redialMaxMs: 500,
    discoverIntervalMs: 1_000,
    ...options,
  });
  nodes.push(node);
  return node;
}

function portOf({ address }: Distribution): number {
  return Number(address?.split(':').at(-1));
}

/** Resolves when `node` has a session with exactly these. */
async function connectedTo(node: Distribution, ...names: string[]): Promise<void> {
  const now = (): string =>
    node
      .sessions()
      .map((session) => session.node)
      .sort()
      .join();
  if (now() === names.join()) return;
  for await (const _ of node.membership()) if (now() === names.join()) return;
}

/** Resolves when what discovery shows fits. */
async function discovered(node: Distribution, fits: (source: ReturnType<Distribution['discovery']>[0]) => boolean) {
  for (;;) {
    const [source] = node.discovery();
    if (source !== undefined && fits(source)) return source;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const signal = (): AbortSignal => new AbortController().signal;

describe('a resolver', () => {
  test('tells addresses of both families and services, with the system’s code where there are none', async () => {
    dns.hosts.set('both.test', ['127.0.0.1', '127.0.0.2', '::1']).set('six.test', ['::1']).set('none.test', []);
    dns.services.set('_liminal._tcp.test', ['a.test:4370', 'b.test:4371']);
    dns.failing.add('broken.test');
    const resolver = createDnsResolver([dns.address]);
    expect([...(await resolver.addresses('both.test', signal()))].sort()).toEqual(['127.0.0.1', '127.0.0.2', '::1']);
    expect(await resolver.addresses('six.test', signal())).toEqual(['::1']);
    const services = await resolver.services('_liminal._tcp.test', signal());
    expect([...services].sort((one, other) => one.port - other.port)).toEqual([
      { host: 'a.test', port: 4370 },
      { host: 'b.test', port: 4371 },
    ]);
    await expect(resolver.addresses('nobody.test', signal())).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(resolver.addresses('none.test', signal())).rejects.toMatchObject({ code: 'ENODATA' });
    await expect(resolver.services('broken.test', signal())).rejects.toMatchObject({ code: 'ESERVFAIL' });
  });

  test('gives up at once when it is told to, and harms no other question', async () => {
    dns.silent.add('silent.test');
    dns.hosts.set('a.test', ['127.0.0.1']);
    const resolver = createDnsResolver([dns.address]);
    const abort = new AbortController();
    const asked = resolver.addresses('silent.test', abort.signal);
    const other = resolver.addresses('a.test', signal());
    abort.abort();
    await expect(asked).rejects.toMatchObject({ code: 'ECANCELLED' });
    expect(await other).toEqual(['127.0.0.1']);
  });
});

describe('discovery', () => {
  test('connects to what a host and a service name, each node once, and never to itself', async () => {
    const [a, b] = [await start('a'), await start('b')];
    dns.hosts.set('shop.test', ['127.0.0.1']);
    dns.services.set('_shop._tcp.test', [`localhost:${portOf(a)}`, `localhost:${portOf(b)}`]);
    const c = await start('c', { discover: [`dns:shop.test:${portOf(a)}`, 'srv:_shop._tcp.test'], dialLearned: false });
    await connectedTo(c, 'a@h', 'b@h');
    dns.services.set('_shop._tcp.test', [`localhost:${portOf(b)}`, `localhost:${portOf(c)}`]);
    await discovered(c, ({ asked }) => asked > 2);
    const itself = (): boolean =>
      c.peers().some(({ state, address }) => state === 'self' && address.startsWith('localhost'));
    while (!itself()) await new Promise((resolve) => setTimeout(resolve, 5));
    expect([c.counters.sessionsUp, c.sessions().length]).toEqual([2, 2]);
  });

  test('failure F73: a name whose server says nothing delays neither seeds nor other names', async () => {
    dns.silent.add('silent.test');
    const [a, b] = [await start('a'), await start('b')];
    dns.hosts.set('b.test', ['127.0.0.1']);
    const c = await start('c', {
      seeds: [a.address ?? ''],
      discover: ['dns:silent.test', `dns:b.test:${portOf(b)}`],
      resolveTimeoutMs: 600_000,
      dialLearned: false,
    });
    await connectedTo(c, 'a@h', 'b@h');
    expect(c.discovery()[0]).toMatchObject({ source: 'dns:silent.test', asked: 0, addresses: [] });
    expect(dns.asked.get('silent.test')).toBeGreaterThan(0);
  });

  test('failure F35: a peer that comes back at another address is found there, and one that is named no more stays', async () => {
    const a = await start('a');
    const name = '_shop._tcp.test';
    dns.services.set(name, [`localhost:${portOf(a)}`]);
    const b = await start('b', { discover: [`srv:${name}`], discoverIntervalMs: 600_000 });
    await connectedTo(b, 'a@h');
    await a.stop();
    const again = await start('a');
    dns.services.set(name, [`localhost:${portOf(again)}`]);
    await connectedTo(b);
    await connectedTo(b, 'a@h');
    expect(b.session('a@h' as NodeName)?.creation).toBe(again.creation);
    dns.services.delete(name);
    const c = await start('c', { discover: [`srv:${name}`], seeds: [again.address ?? ''] });
    await discovered(c, ({ lastFailure }) => lastFailure === 'ENOTFOUND');
    await connectedTo(c, 'a@h', 'b@h');
    expect(b.sessions()).toHaveLength(2);
  });
});
