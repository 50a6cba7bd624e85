/**
 * The commands at work, as the README shows them, on free ports.
 */
import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  CLI,
  DEADLINE_MS,
  type JsonLine,
  type NodeProcess,
  parseLine,
  ROOT,
  runCli,
  startCli,
  startNodeProcess,
  temporaryHome,
} from './support/cli.js';
import { freePort } from './support/free-port.js';

/** Two nodes that know each other. */
async function startPair(): Promise<{ a: NodeProcess; b: NodeProcess }> {
  const a = await startNodeProcess(['--name', 'a@127.0.0.1']);
  const b = await startNodeProcess(['--name', 'b@127.0.0.1', '--seed', a.listen]);
  await Promise.all([a.cli.event('peer-up', { node: b.name }), b.cli.event('peer-up', { node: a.name })]);
  return { a, b };
}

async function readiness(node: NodeProcess): Promise<{ status: number; body: { ready: boolean; unmet?: string[] } }> {
  const response = await fetch(`http://${node.http}/readyz`);
  return { status: response.status, body: (await response.json()) as { ready: boolean; unmet?: string[] } };
}

/** Asks until the answer is right: readiness has no event to wait for. */
async function untilReady(node: NodeProcess): Promise<void> {
  const end = performance.now() + DEADLINE_MS;
  for (;;) {
    const { status, body } = await readiness(node);
    if (status === 200) return;
    if (performance.now() > end) throw new Error(`not ready: ${JSON.stringify(body)}`);
  }
}

describe('connect and disconnect', () => {
  it('have a running node connect to another and stay away from it, and nodes says who is missing', async () => {
    await using a = await startNodeProcess(['--name', 'a@127.0.0.1']);
    await using b = await startNodeProcess(['--name', 'b@127.0.0.1', '--allow', 'a@*,visitor-*@127.0.0.1']);
    const at = ['--connect', a.listen];
    const connected = await runCli(['connect', b.listen, ...at]);
    expect(connected).toMatchObject({ code: 0, stdout: 'a@127.0.0.1 is connected to b@127.0.0.1', stderr: '' });
    expect(await (await fetch(`http://${a.http}/readyz`)).json()).toEqual({
      ready: true,
      joined: { connected: 1, known: 1, missing: [] },
    });
    const apart = await runCli(['disconnect', 'b@127.0.0.1', '--json', ...at]);
    expect(parseLine(apart.stdout)).toEqual({ node: a.name, disconnected: b.name, wasConnected: true });
    await a.cli.event('peer-down', { node: b.name, reason: 'disconnected' });
    expect((await runCli(['disconnect', b.name, ...at])).stdout).toContain(
      'was not connected, and will not connect, to',
    );
    expect(await runCli(['connect', b.name, '--json', ...at])).toMatchObject({
      stdout: JSON.stringify({ node: a.name, connected: b.name }),
    });
    const nobody = `127.0.0.1:${await freePort()}`;
    const refused = await runCli(['connect', nobody, ...at]);
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('ECONNREFUSED') });
    const nodes = await runCli(['nodes', ...at]);
    expect(nodes.stderr).toBe(`connected to 1 of 2 known nodes; missing: ${nobody} (ECONNREFUSED)`);
    const stranger = await runCli(['connect', a.listen, '--connect', b.listen]);
    expect(stranger).toMatchObject({ code: 0 });
    await using shut = await startNodeProcess(['--name', 'c@127.0.0.1', '--allow', 'a@*']);
    const kept = await runCli(['nodes', '--connect', shut.listen]);
    expect(kept).toMatchObject({ code: 4, stderr: expect.stringContaining('--allow') });
  });
});

describe('start', () => {
  it('says in JSON where it really listens, and that a second node came and left', async () => {
    const { a, b } = await startPair();
    await using _a = a;
    await using _b = b;
    const [first] = await a.cli.stdout.first(1);
    expect(parseLine(first ?? '')).toMatchObject({
      event: 'ready',
      name: 'a@127.0.0.1',
      listen: a.listen,
      http: a.http,
    });
    expect(a.listen).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
    expect(await a.cli.event('peer-up', { node: b.name })).toMatchObject({ address: b.listen });
    b.cli.signal('SIGTERM');
    await a.cli.event('peer-down', { node: b.name, reason: 'left' });
    expect(await b.cli.exit()).toEqual({ code: 0, signal: null });
    await b.cli.event('draining', { signal: 'SIGTERM' });
    expect(parseLine(b.cli.stdout.lines.at(-1) ?? '')).toEqual({ event: 'stopped', cut: [] });
    for (const line of [...a.cli.stdout.lines, ...b.cli.stdout.lines]) expect(parseLine(line)).toBeDefined();
  });

  it('prints for people the command that joins a second node, and that command works', async () => {
    const home = temporaryHome();
    await using a = startCli(['start', '--listen', '127.0.0.1:0', '--http', '127.0.0.1:0'], { home });
    const command = (await a.stdout.line('npx liminal-node start')).trim();
    await a.stdout.line('Ctrl-C');
    expect(a.stdout.text).toContain('a@127.0.0.1');
    expect(a.stdout.text).toContain('(made just now');
    expect(statSync(join(home, '.liminal', 'cookie')).mode & 0o777).toBe(0o600);
    const [, , ...args] = command.split(' ');
    await using b = startCli(args, { home });
    await a.stdout.line(/up\s+b@127\.0\.0\.1/);
    await b.stdout.line(/up\s+a@127\.0\.0\.1/);
    b.signal('SIGINT');
    expect(await b.exit()).toEqual({ code: 0, signal: null });
    await a.stdout.line(/down\s+b@127\.0\.0\.1: left/);
    a.signal('SIGINT');
    expect(await a.exit()).toEqual({ code: 0, signal: null });
    expect(a.stderr.text).not.toMatch(/warn|error/i);
  });

  it('takes every flag from the environment, and flags win', async () => {
    await using a = await startNodeProcess(['--name', 'flag@127.0.0.1'], {
      env: { LIMINAL_NAME: 'variable@127.0.0.1', LIMINAL_THREADS: '1', LIMINAL_LOG_LEVEL: 'error' },
    });
    expect(a.name).toBe('flag@127.0.0.1');
    const env = { LIMINAL_LISTEN: '127.0.0.1:0', LIMINAL_HTTP: 'off', LIMINAL_JSON: '1', LIMINAL_SEED: a.listen };
    await using b = startCli(['start'], { env: { ...env, LIMINAL_NAME: 'variable@127.0.0.1' } });
    expect(await b.event('ready')).toMatchObject({ name: 'variable@127.0.0.1', http: null });
    await b.event('peer-up', { node: 'flag@127.0.0.1' });
  });

  it('runs an app, and is ready when the app says so', async () => {
    const home = temporaryHome();
    writeFileSync(
      join(home, 'app.mjs'),
      `export default async function (node) {
        await new Promise((resolve) => process.stdin.once('data', resolve));
        console.log(JSON.stringify({ event: 'app', name: node.name }));
        const ticks = node.channel('ticks');
        const subscription = ticks.subscribe();
        await ticks.publish({ tick: 1 });
        for await (const envelope of subscription) {
          console.log(JSON.stringify({ event: 'tick', payload: envelope.payload }));
          break;
        }
      }`,
    );
    await using a = startCli(['start', '--json', '--listen', '127.0.0.1:0', '--http', 'off', '--app', 'app.mjs'], {
      home,
      cwd: home,
    });
    a.write('go\n');
    await a.event('ready');
    expect(a.stdout.lines.map((line) => parseLine(line)?.['event'])).toEqual(['app', 'tick', 'ready']);
  });

  it('drains on SIGTERM, and a second signal ends it at once', async () => {
    const { a, b } = await startPair();
    await using _a = a;
    await using _b = b;
    // The peer is frozen, so that its answer to the goodbye has to be waited for.
    b.cli.signal('SIGSTOP');
    a.cli.signal('SIGTERM');
    await a.cli.event('draining');
    a.cli.signal('SIGTERM');
    expect(await a.cli.exit()).toEqual({ code: 1, signal: null });
    await a.cli.stderr.line('SIGTERM again');
    expect(a.cli.stdout.text).not.toContain('"stopped"');
  });

  it('lists what the drain had to cut short, and exits with 1', async () => {
    const home = temporaryHome();
    writeFileSync(
      join(home, 'app.mjs'),
      `export default (node) => {
        const deaf = node.attach();
        for (let count = 0; count < 3; count++) node.send(deaf.pid, 'nobody reads this');
      }`,
    );
    await using a = await startNodeProcess(['--app', 'app.mjs', '--drain-timeout', '1'], { home, cwd: home });
    a.cli.signal('SIGTERM');
    expect(await a.cli.exit()).toEqual({ code: 1, signal: null });
    expect(await a.cli.event('stopped')).toEqual({ event: 'stopped', cut: ['3 messages in mailboxes were not read'] });
    expect(a.cli.stderr.text).toContain('cut short: 3 messages in mailboxes were not read');
  });

  describe('with a supervision tree as its app', () => {
    /** A folder with `app.mjs`, whose default export is `tree`. */
    const folder = (tree: string): string => {
      const home = temporaryHome();
      mkdirSync(join(home, 'node_modules'));
      symlinkSync(join(ROOT, 'packages', 'liminal-node'), join(home, 'node_modules', 'liminal-node'));
      const parts = `import { child, defineProcess, defineServer, defineSupervisor } from 'liminal-node';
        const worker = defineServer(import.meta.url, 'worker', {
          init({ self }, name) { self.setTrapExit(true); return name; },
          async terminate({ state }) {
            console.log('ends ' + state);
            if (state === 'hangs') await new Promise(() => {});
          },
        });
        const crasher = defineProcess(import.meta.url, 'crasher', () => { throw new Error('no database'); });`;
      writeFileSync(join(home, 'app.mjs'), `${parts}\nexport default ${tree};`);
      return home;
    };
    // Threads write to stdout by way of the home thread; without any, lines come in the order of their cause.
    const flags = ['--app', 'app.mjs', '--threads', '0'];

    it('stops it in reverse order on SIGTERM, kills a child that hangs, and says so with exit code 1 (failure F14)', async () => {
      const children = `[child(worker, ['first']), child(worker, ['hangs'], { id: 'two', shutdown: 50 }),
        child(worker, ['last'], { id: 'three' })]`;
      const home = folder(`defineSupervisor(import.meta.url, 'shop', () => ({ children: ${children} }))`);
      await using a = await startNodeProcess(flags, { home, cwd: home });
      a.cli.signal('SIGTERM');
      expect(await a.cli.exit()).toEqual({ code: 1, signal: null });
      const cut = 'the child "two" of the supervisor "shop" did not end within 50 ms, and had to be killed';
      expect(a.cli.stdout.lines.slice(1)).toEqual([
        '{"event":"draining","signal":"SIGTERM"}',
        'ends last',
        'ends hangs',
        'ends first',
        JSON.stringify({ event: 'stopped', cut: [cut] }),
      ]);
      expect(a.cli.stderr.text).toContain(`cut short: ${cut}`);
    });

    it('ends with it, with exit code 7 and the causes in the log, when its top supervisor gives up', async () => {
      const home = folder("[child(worker, ['first']), child(crasher, [])]");
      const args = ['start', '--json', '--listen', '127.0.0.1:0', '--http', 'off', ...flags];
      await using a = startCli(args, { home, cwd: home });
      expect(await a.exit()).toEqual({ code: 7, signal: null });
      expect(a.stdout.lines.at(-1)).toBe('{"event":"stopped","cut":[],"application":"shutdown"}');
      expect(a.stdout.lines).toContain('ends first');
      for (const said of ['a child was started again', 'gave up', 'the node ends with it', 'Error: no database']) {
        expect(a.stderr.text).toContain(said);
      }
      expect(a.stderr.lines.at(-1)).toBe(
        'liminal-node: The application has ended by itself (shutdown), and the node with it.',
      );
    });
  });

  it('stops for a SIGINT that comes while the app is still starting', async () => {
    const home = temporaryHome();
    writeFileSync(
      join(home, 'app.mjs'),
      'export default () => { console.log("started"); return new Promise(() => {}); }',
    );
    await using a = startCli(['start', '--json', '--listen', '127.0.0.1:0', '--http', 'off', '--app', 'app.mjs'], {
      home,
      cwd: home,
    });
    await a.stdout.line('started');
    a.signal('SIGINT');
    expect(await a.exit()).toEqual({ code: 0, signal: null });
    expect(a.stdout.text).not.toContain('"ready"');
  });

  it('answers probes truthfully while its seed is down, and joins when the seed comes up', async () => {
    const seed = `127.0.0.1:${await freePort()}`;
    await using b = await startNodeProcess(['--name', 'b@127.0.0.1', '--seed', seed]);
    expect((await fetch(`http://${b.http}/livez`)).status).toBe(200);
    const before = await readiness(b);
    expect(before.status).toBe(503);
    expect(before.body.unmet?.join()).toContain(seed);
    await using a = await startNodeProcess(['--name', 'a@127.0.0.1', '--listen', seed]);
    await b.cli.event('peer-up', { node: a.name });
    await untilReady(b);
    const metrics = await (await fetch(`http://${b.http}/metrics`)).text();
    expect(metrics).toMatch(/^liminal_peers_up(\{.*\})? 1$/m);
    expect(metrics).toMatch(/^liminal_distribution_sessions_up_total(\{.*\})? 1$/m);
  });

  it('ends when nobody reads its output any more', async () => {
    const { a, b } = await startPair();
    await using _a = a;
    await using _b = b;
    a.cli.closeOutput();
    b.cli.signal('SIGTERM');
    expect(await a.cli.exit()).toEqual({ code: 0, signal: null });
    expect(a.cli.stderr.text).not.toContain('EPIPE');
  });
});

describe('subscribe and publish', () => {
  it('carry a payload from one node to a subscriber on the other, and nobody lists them as members', async () => {
    const { a, b } = await startPair();
    await using _a = a;
    await using _b = b;
    await using reader = startCli(['subscribe', 'orders', '--connect', a.listen]);
    await reader.stderr.line('subscribed to orders on a@127.0.0.1');
    const published = await runCli(['publish', 'orders', '{"id":1,"total":99.5}', '--connect', b.listen]);
    expect(published).toMatchObject({ code: 0, stderr: '' });
    expect(await reader.stdout.first(1)).toEqual(['{"id":1,"total":99.5}']);
    const members = await runCli(['nodes', '--connect', a.listen, '--json']);
    expect(
      members.stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => parseLine(line)?.['name']),
    ).toEqual([a.name, b.name]);
    reader.signal('SIGINT');
    expect(await reader.exit()).toEqual({ code: 0, signal: null });
    for (const { cli } of [a, b]) {
      const peers = cli.stdout.lines.map(parseLine).filter((line) => line?.['event'] === 'peer-up');
      expect(peers).toHaveLength(1);
    }
  });

  it('print envelopes and receipts in JSON, in order, and end after the count', async () => {
    const { a, b } = await startPair();
    await using _a = a;
    await using _b = b;
    await using reader = startCli(['subscribe', 'orders', '--connect', a.listen, '--json', '--count', '500']);
    const subscribed = parseLine(await reader.stderr.line('"subscribed"'));
    expect(subscribed).toEqual({ event: 'subscribed', channel: 'orders', node: a.name });
    const input = Array.from({ length: 500 }, (_, id) => `{"id":${id}}\n`).join('');
    const { code, stdout } = await runCli(['publish', 'orders', '-', '--connect', b.listen, '--json'], { input });
    expect(code).toBe(0);
    const receipts = stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => parseLine(line));
    expect(receipts).toHaveLength(500);
    for (const receipt of receipts) expect(receipt).toEqual({ local: 0, nodes: 1, dropped: 0 });
    expect(await reader.exit()).toEqual({ code: 0, signal: null });
    const envelopes = reader.stdout.lines.map((line) => parseLine(line) as JsonLine & { payload: { id: number } });
    expect(envelopes.map(({ payload }) => payload.id)).toEqual(Array.from({ length: 500 }, (_, id) => id));
    expect(envelopes[0]).toMatchObject({ channel: 'orders', parents: [] });
    expect(envelopes[0]?.['publisher']).toMatch(/^b@127\.0\.0\.1#/);
    expect(new Set(envelopes.map((envelope) => envelope['id'])).size).toBe(500);
    expect(Math.abs(Date.now() - Number(envelopes[0]?.['timestamp']))).toBeLessThan(DEADLINE_MS);
  });

  it('publish what comes before a bad line, name the place, and publish nothing after it', async () => {
    await using a = await startNodeProcess();
    await using reader = startCli(['subscribe', 'orders', '--connect', a.listen]);
    await reader.stderr.line('subscribed to orders');
    const bad = await runCli(['publish', 'orders', '-', '--connect', a.listen], { input: '1\n\n2\n{"id":oops}\n3\n' });
    expect(bad).toMatchObject({ code: 2, stdout: '' });
    expect(bad.stderr).toContain('line 4 is not JSON: at column 7');
    expect(bad.stderr).toContain('The 2 messages before it were published.');
    await runCli(['publish', 'orders', '"the end"', '--connect', a.listen]);
    expect(await reader.stdout.first(3)).toEqual(['1', '2', '"the end"']);
  });

  it('refuse a payload that is JSON but no message, and say why', async () => {
    await using a = await startNodeProcess();
    for (const [payload, word] of [
      ['{"__proto__":1}', '__proto__'],
      [JSON.stringify('x'.repeat(9 * 1024 * 1024)), 'bytes'],
    ] as const) {
      const { code, stdout, stderr } = await runCli(['publish', 'orders', '-', '--connect', a.listen], {
        input: payload,
      });
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toContain('Line 1 was not published');
      expect(stderr).toContain(word);
    }
  });

  it('say when nobody is subscribed', async () => {
    await using a = await startNodeProcess();
    const { code, stdout } = await runCli(['publish', 'orders', '1', '--connect', a.listen]);
    expect([code, stdout.trim()]).toEqual([0, 'published to orders on a@127.0.0.1: nobody is subscribed']);
  });

  it('go on after the node was lost and came back, and say so', async () => {
    const home = temporaryHome();
    const first = await startNodeProcess([], { home });
    await using reader = startCli(['subscribe', 'orders', '--connect', first.listen], { home });
    await reader.stderr.line('subscribed to orders');
    await first.cli.kill();
    await reader.stderr.line('lost a@127.0.0.1');
    await using second = await startNodeProcess(['--listen', first.listen], { home });
    await reader.stderr.line('connected to a@127.0.0.1 again');
    // The subscription is told behind the connection: until it is there, a publish reaches nobody.
    for (;;) {
      const { code, stdout } = await runCli(['publish', 'orders', '2', '--connect', second.listen], { home });
      expect(code).toBe(0);
      if (!stdout.includes('nobody')) break;
    }
    expect(await reader.stdout.first(1)).toEqual(['2']);
  });

  it('show what JSON has no words for', async () => {
    const home = temporaryHome();
    writeFileSync(
      join(home, 'app.mjs'),
      `export default async function (node) {
        process.stdin.once('data', () => node.channel('odd').publish({ map: new Map([[1n, new Set(['x'])]]), bytes: new Uint8Array([1, 2]) }));
      }`,
    );
    await using a = await startNodeProcess(['--app', 'app.mjs'], { home, cwd: home });
    await using reader = startCli(['subscribe', 'odd', '--connect', a.listen, '--count', '1'], { home });
    await reader.stderr.line('subscribed to odd');
    a.cli.write('go\n');
    await reader.exit();
    expect(JSON.parse(reader.stdout.text)).toEqual({
      map: { $map: [[{ $bigint: '1' }, { $set: ['x'] }]] },
      bytes: { $binary: 'AQI=', type: 'Uint8Array' },
    });
  });

  it('end in silence when the reader of a pipe has left', async () => {
    await using a = await startNodeProcess();
    await using reader = startCli(['subscribe', 'orders', '--connect', a.listen]);
    await reader.stderr.line('subscribed to orders');
    reader.closeOutput();
    await runCli(['publish', 'orders', '-', '--connect', a.listen], { input: '1\n2\n3\n' });
    expect(await reader.exit()).toEqual({ code: 0, signal: null });
    expect(reader.stderr.lines).toHaveLength(1);
  });
});

describe('nodes', () => {
  it('shows each member with address, state, age and round trip', async () => {
    const { a, b } = await startPair();
    await using _a = a;
    await using _b = b;
    const table = await runCli(['nodes', '--connect', b.listen]);
    expect(table).toMatchObject({ code: 0, stderr: '' });
    const [head, own, other, ...rest] = table.stdout.split('\n').filter(Boolean);
    expect(rest).toEqual([]);
    expect(head?.split(/\s{2,}/)).toEqual(['NAME', 'ADDRESS', 'STATE', 'SINCE', 'ROUND TRIP']);
    expect(own).toMatch(new RegExp(`^b@127\\.0\\.0\\.1\\s+${b.listen}\\s+self\\s`));
    expect(other).toMatch(new RegExp(`^a@127\\.0\\.0\\.1\\s+${a.listen}\\s+up\\s`));
    const json = await runCli(['nodes', '--connect', b.listen, '--json']);
    const members = json.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => parseLine(line));
    expect(members).toMatchObject([
      { name: b.name, address: b.listen, state: 'self', roundTripMs: null },
      { name: a.name, address: a.listen, state: 'up' },
    ]);
  });
});

describe('over TLS', () => {
  const pem = (name: string): string => `packages/distribution/test/fixtures/tls/${name}.pem`;
  const tls = (name: string, authority = 'authority'): string[] => [
    ...['--tls-cert', pem(name), '--tls-key', pem(`${name}-key`), '--tls-ca', pem(authority)],
  ];

  it('connects whoever has a certificate of the same authority, and tells others why not', async () => {
    await using a = await startNodeProcess(tls('node'));
    const at = ['--connect', a.listen];
    const friend = await runCli(['nodes', ...at, ...tls('renewed'), '--json']);
    expect([friend.code, friend.stderr]).toEqual([0, '']);
    const plain = await runCli(['nodes', ...at]);
    expect([plain.code, plain.stderr]).toEqual([4, expect.stringContaining('--tls-cert, --tls-key and --tls-ca')]);
    const stranger = await runCli(['nodes', ...at, ...tls('strange-node', 'stranger')]);
    expect([stranger.code, stranger.stderr]).toEqual([4, expect.stringContaining('over TLS')]);
  });
});

describe('help', () => {
  it.each(['start', 'subscribe', 'publish', 'nodes', 'connect', 'disconnect', 'ps', 'tree', 'trace', 'demo'])(
    'of %s has examples and the variables',
    async (command) => {
      const { code, stdout, stderr } = await runCli([command, '--help']);
      expect([code, stderr]).toEqual([0, '']);
      for (const word of ['Examples:', `liminal-node ${command}`, 'LIMINAL_JSON']) expect(stdout).toContain(word);
    },
  );

  it('and version are on stdout', async () => {
    expect((await runCli(['--help'])).stdout).toContain('Exit codes:');
    expect(await runCli(['--version'])).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
  });

  it('of the package is the same file that npx runs', () => {
    expect(statSync(CLI).mode & 0o111).not.toBe(0);
  });
});
