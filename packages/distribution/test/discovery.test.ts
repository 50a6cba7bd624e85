/** Discovery on a virtual clock: when it asks, what it keeps, and what it says. */
import { describe, expect, test } from 'vitest';
import { parseDiscoverySource } from '../src/discovery-source.js';
import { createHostLookup } from '../src/host-lookup.js';
import type { Resolver } from '../src/resolver.js';
import { createVirtualEnvironment, type VirtualEnvironment } from '../src/testing.js';
import { createCluster, names } from './cluster.js';

const HOUR = 3_600_000;
const NEVER = new AbortController().signal;
const failure = (code: string): Error => Object.assign(new Error(code), { code });

/** Answers as it is told; a name without an answer is asked in vain. */
function resolverOf(environment: VirtualEnvironment) {
  const answers = new Map<string, readonly string[] | Error>();
  const asked: { name: string; at: number; signal: AbortSignal }[] = [];
  const addresses: Resolver['addresses'] = (name, signal) => {
    asked.push({ name, at: environment.now(), signal });
    const answer = answers.get(name);
    if (answer instanceof Error) return Promise.reject(answer);
    return answer === undefined ? new Promise(() => {}) : Promise.resolve(answer);
  };
  const resolver: Resolver = {
    addresses,
    services: async (name, signal) => (await addresses(name, signal)).map((host) => ({ host, port: 7 })),
  };
  return { answers, asked, resolver };
}

describe('a source', () => {
  test.each([
    ['dns:shop', { type: 'dns', name: 'shop', port: 4370 }],
    ['dns:Shop.internal:7', { type: 'dns', name: 'shop.internal', port: 7 }],
    ['srv:_liminal._tcp.shop', { type: 'srv', name: '_liminal._tcp.shop' }],
  ])('%s', (text, source) => {
    expect(parseDiscoverySource(text)).toEqual(source);
  });

  test.each(['', 'shop', 'dns:', 'srv:', 'dns:a b', 'dns:shop:0', 'dns:shop:x', 'srv:shop:7', 'http:shop', 'dns:a/b'])(
    'is not "%s"',
    (text) => {
      expect(() => parseDiscoverySource(text)).toThrow(/dns:NAME/);
    },
  );
});

describe('discovery', () => {
  test('asks in its period, keeps what is named no more, and forgets it when it has long been of no use', async () => {
    const { environment, start } = createCluster();
    const { answers, asked, resolver } = resolverOf(environment);
    await start('a', { listen: { host: '10.0.0.1', port: 4_370 } });
    const c = await start('c', { listen: { host: '10.0.0.3', port: 4_370 } });
    answers.set('shop', ['10.0.0.1', '10.0.0.9', 'not an address']);
    const b = await start('b', { discover: ['dns:shop'], resolver, dialLearned: false, forgetPeerAfterMs: HOUR });
    await environment.advance(100);
    expect([names(b), b.discovery()]).toEqual([
      ['a@h'],
      [{ source: 'dns:shop', addresses: ['10.0.0.1:4370', '10.0.0.9:4370'], lastFailure: undefined, asked: 1 }],
    ]);
    expect(b.counters.addressesIgnored).toEqual({ 'bad address': 1 });
    answers.set('shop', ['10.0.0.3']);
    await environment.advance(30_000);
    expect([names(b), names(c)]).toEqual([
      ['a@h', 'c@h'],
      ['a@h', 'b@h'],
    ]);
    expect(b.peers().map(({ address }) => address)).toContain('10.0.0.9:4370');
    await environment.advance(2 * HOUR);
    expect([names(b), b.peers().map(({ address }) => address)]).toEqual([
      ['a@h', 'c@h'],
      ['10.0.0.1:4370', '10.0.0.3:4370'],
    ]);
    const before = asked.length;
    await environment.advance(10 * 30_000);
    expect(asked.length - before).toBe(10);
  });

  test('keeps an address for as long as it is named, and no more than there is room for', async () => {
    const { environment, start } = createCluster();
    const { answers, resolver } = resolverOf(environment);
    answers.set(
      'shop',
      Array.from({ length: 10 }, (_, at) => `10.0.1.${at}`),
    );
    const a = await start('a', { discover: ['srv:shop'], resolver, maxPeers: 4 });
    await environment.advance(3 * HOUR);
    expect(a.peers().map(({ address, attempts }) => [address, attempts > 700])).toEqual(
      [0, 1, 2, 3].map((at) => [`10.0.1.${at}:7`, true]),
    );
    expect(a.discovery()[0]?.addresses).toHaveLength(4);
    expect(a.counters.addressesIgnored['book full']).toBeGreaterThan(6);
  });

  test('asks again when a dial fails or a session is lost, but not twice within a second', async () => {
    const { environment, network, start } = createCluster();
    const { answers, asked, resolver } = resolverOf(environment);
    answers.set('shop', ['10.0.0.1']);
    await start('a', { listen: { host: '10.0.0.1', port: 4_370 } });
    const b = await start('b', { discover: ['dns:shop'], resolver, discoverIntervalMs: HOUR });
    await environment.advance(10_000);
    expect(asked).toHaveLength(1);
    network.cut('10.0.0.1:4370');
    await environment.advance(0);
    expect(asked).toHaveLength(2);
    await start('x', { seeds: [], listen: { host: 'x', port: 1 } });
    b.connect('10.9.9.9:1');
    await environment.advance(60_000);
    const gaps = asked.slice(1).map(({ at }, index) => at - (asked[index]?.at ?? 0));
    expect(gaps.length).toBeGreaterThan(5);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000);
  });

  test('that fails backs off, says so once and again when it fails otherwise, and shows why', async () => {
    const { environment, start, warnings } = createCluster();
    const { answers, asked, resolver } = resolverOf(environment);
    answers.set('shop', failure('ESERVFAIL'));
    const a = await start('a', { discover: ['dns:shop', 'dns:hangs'], resolver });
    await environment.advance(HOUR);
    const questions = (name: string): number => asked.filter((question) => question.name === name).length;
    expect([questions('shop'), questions('hangs')].map((count) => count > 100 && count < 200)).toEqual([true, true]);
    // Whoever hangs is told that nobody waits any more, so that no two questions are under way.
    expect(asked.filter(({ name, signal }) => name === 'hangs' && !signal.aborted).length).toBeLessThanOrEqual(1);
    expect(a.discovery().map(({ lastFailure }) => lastFailure)).toEqual(['ESERVFAIL', 'deadline']);
    expect(a.counters.discoveryFailed).toEqual({ ESERVFAIL: questions('shop'), deadline: expect.any(Number) });
    answers.set('shop', failure('ENOTFOUND'));
    await environment.advance(60_000);
    expect(warnings.map((line) => /by (\S+): (\S+);/.exec(line)?.slice(1).join(' '))).toEqual([
      'dns:shop ESERVFAIL',
      'dns:hangs deadline',
      'dns:shop ENOTFOUND',
    ]);
    answers.set('shop', []);
    await environment.advance(60_000);
    expect(a.discovery()[0]).toMatchObject({ lastFailure: undefined, addresses: [] });
  });

  test('stops with its node, whatever is under way', async () => {
    const { environment, start } = createCluster();
    const { answers, asked, resolver } = resolverOf(environment);
    answers.set('shop', []);
    const a = await start('a', { discover: ['dns:shop', 'dns:hangs'], resolver });
    await environment.advance(1_000);
    await Promise.all([a.stop(), environment.advance(0)]);
    expect([environment.timers, asked.every(({ name, signal }) => signal.aborted === (name === 'hangs'))]).toEqual([
      0,
      true,
    ]);
    await environment.advance(HOUR);
    expect(asked).toHaveLength(2);
    await expect(start('b', { discover: ['shop'] })).rejects.toMatchObject({ option: 'discover' });
  });
});

describe('the look-up of a host', () => {
  function lookup(system: () => Promise<readonly string[]>, direct: () => Promise<readonly string[]>) {
    const environment = createVirtualEnvironment();
    const calls: string[] = [];
    const ask = createHostLookup({
      environment,
      system: (name) => {
        calls.push(`system ${name}`);
        return system();
      },
      direct: (name, signal) => {
        calls.push(`direct ${name}`);
        signal.addEventListener('abort', () => calls.push(`given up ${name}`));
        return direct();
      },
    });
    return { environment, calls, ask };
  }
  const hangs = (): Promise<never> => new Promise(() => {});

  test('is the system’s alone where it answers, or says that there is none', async () => {
    const { ask, calls, environment } = lookup(
      async () => ['10.0.0.1'],
      async () => ['10.0.0.2'],
    );
    expect(await ask('a', NEVER)).toEqual(['10.0.0.1']);
    const none = lookup(
      () => Promise.reject(failure('ENOTFOUND')),
      async () => ['10.0.0.2'],
    );
    await expect(none.ask('a', NEVER)).rejects.toMatchObject({ code: 'ENOTFOUND' });
    expect([calls, none.calls, environment.timers]).toEqual([['system a'], ['system a'], 0]);
  });

  test('failure F73: is asked of the name’s server where the system hangs, which is asked for one name once at a time', async () => {
    const { ask, calls, environment } = lookup(hangs, async () => ['10.0.0.2']);
    const asked = [ask('a', NEVER), ask('a', NEVER)];
    await environment.advance(499);
    expect(calls).toEqual(['system a']);
    await environment.advance(1);
    expect(await Promise.all(asked)).toEqual([['10.0.0.2'], ['10.0.0.2']]);
    expect(calls.filter((call) => call.startsWith('system'))).toHaveLength(1);
  });

  test('fails where both do, and ends at an abort, with all that it began', async () => {
    const both = lookup(hangs, () => Promise.reject(failure('ETIMEOUT')));
    const abort = new AbortController();
    const asked = both.ask('a', abort.signal);
    await both.environment.advance(1_000);
    abort.abort(new Error('never mind'));
    await expect(asked).rejects.toThrow('never mind');
    let systemFails = (_error: Error): void => {};
    const late = lookup(
      () => new Promise((_, reject) => (systemFails = reject)),
      () => Promise.reject(failure('ETIMEOUT')),
    );
    const failing = late.ask('a', NEVER);
    await late.environment.advance(1_000);
    systemFails(failure('EAI_AGAIN'));
    await expect(failing).rejects.toMatchObject({ code: 'EAI_AGAIN' });
    const hanging = lookup(hangs, hangs);
    const aborted = new AbortController();
    const waiting = hanging.ask('a', aborted.signal);
    await hanging.environment.advance(1_000);
    aborted.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    expect([hanging.calls, hanging.environment.timers]).toEqual([['system a', 'direct a', 'given up a'], 0]);
  });
});
