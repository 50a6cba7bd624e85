import type { Discovered, Distribution, KnownPeer, Session } from '@liminal-node/distribution';
import { describe, expect, test } from 'vitest';
import { joinedOf, loneliness } from '../src/joined.js';

function peer(address: string, state: KnownPeer['state'], more: Partial<KnownPeer> = {}): KnownPeer {
  return { address, state, seed: true, node: undefined, attempts: 0, lastFailure: undefined, ...more };
}

function source(name: string, more: Partial<Discovered> = {}): Discovered {
  return { source: name, addresses: [], lastFailure: undefined, asked: 1, ...more };
}

const refused = { lastFailure: 'ECONNREFUSED' };
const b = { node: 'b@h' as Session['node'] };

describe('how far a node has joined', () => {
  test('counts each node once, and neither itself nor who was disconnected nor visitors', () => {
    const peers = [
      peer('a:1', 'connected'),
      peer('b:1', 'waiting', { ...b, ...refused }),
      peer('b:2', 'dialing', b),
      peer('c:1', 'waiting', refused),
      peer('d:1', 'self'),
      peer('e:1', 'disconnected'),
    ];
    const sessions = [{ hidden: false }, { hidden: false }, { hidden: true }] as unknown as readonly Session[];
    const discovery = [source('dns:ok'), source('dns:none', { lastFailure: 'ENOTFOUND' })];
    const node: Pick<Distribution, 'peers' | 'sessions' | 'discovery'> = {
      peers: () => peers,
      sessions: () => sessions,
      discovery: () => discovery,
    };
    expect(joinedOf(node)).toEqual({
      connected: 2,
      known: 4,
      missing: ['b:1 (ECONNREFUSED)', 'b:2 (dialing)', 'c:1 (ECONNREFUSED)', 'dns:none (ENOTFOUND)'],
    });
    const many = Array.from({ length: 50 }, (_, at) => peer(`x:${at}`, 'waiting', refused));
    expect(joinedOf({ ...node, peers: () => many })).toMatchObject({ known: 52, missing: { length: 20 } });
  });
});

describe('a node is lonely', () => {
  test.each<[string, readonly KnownPeer[], readonly Discovered[], string | undefined]>([
    ['without seeds: no', [], [], undefined],
    ['its seeds refuse', [peer('a:1', 'waiting', refused)], [], 'connected to 0 of 1 seeds: a:1 (ECONNREFUSED)'],
    ['one of two is connected: no', [peer('a:1', 'waiting', refused), peer('b:1', 'connected')], [], undefined],
    ['it is its own only seed: no', [peer('a:1', 'self')], [], undefined],
    ['it was told to stay away: no', [peer('a:1', 'disconnected')], [], undefined],
    ['what it has learned alone is gone: no', [peer('a:1', 'waiting', { seed: false, ...refused })], [], undefined],
    [
      'what discovery finds refuses',
      [peer('a:1', 'waiting', { seed: false, ...refused })],
      [source('dns:x', { addresses: ['a:1'] })],
      'connected to 0 of 1 nodes: a:1 (ECONNREFUSED)',
    ],
    ['discovery finds nothing: no', [], [source('dns:x', { lastFailure: 'ENOTFOUND' })], undefined],
    ['discovery finds it alone: no', [peer('a:1', 'self')], [source('dns:x', { addresses: ['a:1'] })], undefined],
    [
      'discovery fails, or has not answered yet',
      [],
      [source('dns:x', { lastFailure: 'ESERVFAIL' }), source('srv:y', { asked: 0 })],
      'connected to 0 of 0 nodes: dns:x (ESERVFAIL), srv:y (asking)',
    ],
  ])('%s', (_case, peers, discovery, sentence) => {
    expect(loneliness({ peers, discovery })).toBe(sentence);
  });
});
