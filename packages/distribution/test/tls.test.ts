/** Nodes that talk over TLS: both ends show a certificate of the cluster's authority, and have the cookie as well. */
import { copyFileSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import type { NodeName } from '@liminal-node/scheduler';
import { afterEach, describe, expect, test } from 'vitest';
import { startDistribution } from '../src/distribution.js';
import { netTransport } from '../src/net-transport.js';
import type { DistributionOptions } from '../src/options.js';
import { TlsCredentialFiles, type TlsFiles } from '../src/tls-files.js';
import { createTlsTransport } from '../src/tls-transport.js';
import { observe, sessionWith, type TestNode } from './cluster.js';

const pem = (name: string): string => fileURLToPath(new URL(`fixtures/tls/${name}.pem`, import.meta.url));
const filesOf = (name: string, authority = 'authority'): TlsFiles => ({
  certFile: pem(name),
  keyFile: pem(`${name}-key`),
  caFile: pem(authority),
});

const cleanUp: (() => unknown)[] = [];
let creation = 0;

afterEach(async () => {
  await Promise.all(cleanUp.splice(0).map((undo) => undo()));
});

async function start(name: string, options: Partial<DistributionOptions>): Promise<TestNode> {
  const node = observe(
    await startDistribution({
      name: `${name}@h` as NodeName,
      creation: ++creation,
      cookie: 'secret',
      listen: { host: '127.0.0.1', port: 0 },
      redialMinMs: 20,
      redialMaxMs: 50,
      ...options,
    }),
  );
  cleanUp.push(() => node.stop());
  return node;
}

const over = (files: TlsFiles): Partial<DistributionOptions> => ({ transport: createTlsTransport(files) });

async function connected(node: TestNode): Promise<void> {
  for await (const event of node.membership()) if (event.type === 'up') return;
}

/** Resolves with the reason of the first dial of `node` that failed. */
async function failure(node: TestNode): Promise<string> {
  for (;;) {
    const reason = node.peers().find(({ lastFailure }) => lastFailure !== undefined)?.lastFailure;
    if (reason !== undefined) return reason;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const portOf = (node: TestNode): number => Number(node.address.split(':')[1]);

test('nodes with certificates of one authority connect, and carry frames both ways', async () => {
  const a = await start('a', over(filesOf('node')));
  const b = await start('b', { ...over(filesOf('renewed')), seeds: [a.address] });
  const received = [a, b].map(
    (node) => new Promise<number>((resolve) => node.onFrame(100, (_session, body) => resolve(body.length))),
  );
  await Promise.all([connected(a), connected(b)]);
  a.send(sessionWith(a, 'b'), 100, Buffer.alloc(300_000), 'data');
  b.send(sessionWith(b, 'a'), 100, Buffer.alloc(5), 'data');
  expect(await Promise.all(received)).toEqual([5, 300_000]);
});

describe('who is kept out, and the node goes on', () => {
  test.each([
    ['a certificate of another authority', over({ ...filesOf('strange-node'), caFile: pem('authority') })],
    ['no TLS', { transport: netTransport }],
    ['another cookie', { ...over(filesOf('renewed')), cookie: 'another' }],
  ])('a peer with %s', async (_, options) => {
    const a = await start('a', over(filesOf('node')));
    const stranger = await start('b', { ...options, seeds: [a.address] });
    await failure(stranger);
    expect([a.sessions(), stranger.sessions()]).toEqual([[], []]);
    const friend = await start('c', { ...over(filesOf('renewed')), seeds: [a.address] });
    await connected(friend);
    expect(a.events).toEqual(['up c@h']);
  });

  test('a node whose certificate is of another authority, or for another host, as its dialler sees it', async () => {
    const strange = await start('a', over(filesOf('strange-node', 'stranger')));
    const elsewhere = await start('c', over(filesOf('elsewhere')));
    const [b, d] = await Promise.all(
      [strange, elsewhere].map(({ address }, at) => start(`b${at}`, { ...over(filesOf('node')), seeds: [address] })),
    );
    expect(await failure(b as TestNode)).toMatch(/CERT|SIGN/);
    expect(await failure(d as TestNode)).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  test('a client without a certificate, and one that never comes to the end of TLS', async () => {
    const a = await start('a', { ...over(filesOf('node')), handshakeTimeoutMs: 300 });
    const bare = connect({ host: '127.0.0.1', port: portOf(a), ca: [], rejectUnauthorized: false });
    const silent = connectTcp({ host: '127.0.0.1', port: portOf(a) });
    cleanUp.push(() => [bare, silent].map((socket) => socket.destroy()));
    const closed = (socket: { on(event: string, listener: () => void): unknown }): Promise<void> =>
      new Promise((resolve) => {
        socket.on('error', () => {});
        socket.on('close', () => resolve());
      });
    silent.resume();
    bare.resume();
    await Promise.all([closed(bare), closed(silent)]);
    expect(a.events).toEqual([]);
    expect(a.counters.accepted).toBe(2);
  });
});

describe('the files', () => {
  function copied(name: string): TlsFiles {
    const folder = mkdtempSync(join(tmpdir(), 'liminal-tls-'));
    cleanUp.push(() => rmSync(folder, { recursive: true }));
    const files = { certFile: join(folder, 'cert'), keyFile: join(folder, 'key'), caFile: join(folder, 'ca') };
    place(files, name);
    return files;
  }

  function place(files: TlsFiles, name: string): void {
    const from = filesOf(name);
    for (const file of ['certFile', 'keyFile', 'caFile'] as const) copyFileSync(from[file], files[file]);
  }

  const certificateAt = async (port: number): Promise<string> => {
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, ...clientCredentials(), rejectUnauthorized: false });
    cleanUp.push(() => socket.destroy());
    await new Promise<void>((resolve) => socket.once('secureConnect', () => resolve()));
    return String(socket.getPeerCertificate().subject['CN']);
  };
  const clientCredentials = () => new TlsCredentialFiles(filesOf('node'), () => 0, logger).current();
  const logged: string[] = [];
  const log = (_: object, line: string): void => void logged.push(line);
  const logger = { debug: log, info: log, warn: log, error: log };

  test('a renewed certificate counts for new connections, and those that are up live on', async () => {
    const files = copied('node');
    const a = await start('a', over(files));
    const b = await start('b', { ...over(filesOf('node')), seeds: [a.address] });
    await connected(b);
    expect(await certificateAt(portOf(a))).toBe('node');
    place(files, 'renewed');
    let shown = 'node';
    while (shown === 'node') shown = await certificateAt(portOf(a));
    expect(shown).toBe('renewed');
    expect(b.sessions()).toHaveLength(1);
    expect(a.events).toEqual(['up b@h']);
  });

  test('a half-written file changes nothing and is logged; the whole one then counts', () => {
    const files = copied('node');
    let now = 0;
    const credentials = new TlsCredentialFiles(files, () => now, logger);
    const first = credentials.current();
    writeFileSync(files.certFile, '-----BEGIN CERT');
    expect(credentials.current()).toBe(first);
    now += 1_000;
    expect(credentials.current()).toBe(first);
    expect(logged.at(-1)).toMatch(/cannot be used; the former certificate stays/);
    place(files, 'renewed');
    utimesSync(files.certFile, 5, 5);
    now += 1_000;
    expect(credentials.current()).not.toBe(first);
    expect(logged.at(-1)).toMatch(/is in use/);
  });

  test('that are missing, no PEM, or a key of another certificate are refused by name', () => {
    const refused = (files: Partial<TlsFiles>): string => {
      try {
        createTlsTransport({ ...filesOf('node'), ...files });
      } catch (error) {
        return `${(error as { code: string }).code} ${(error as Error).message}`;
      }
      return 'taken';
    };
    expect(refused({ keyFile: '/nowhere/key.pem' })).toMatch(
      /^ERR_LIMINAL_TLS the TLS file \/nowhere\/key.pem cannot be read/,
    );
    expect(refused({ certFile: pem('../tls/make').replace('.pem', '.sh') })).toMatch(/cannot be used: .*must be PEM/);
    expect(refused({ keyFile: pem('renewed-key') })).toMatch(/cannot be used/);
    expect(refused({})).toBe('taken');
  });
});
