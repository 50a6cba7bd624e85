/** The schedule of faults is the seed's, and heals one before the next touches the same. */
import { expect, it } from 'vitest';
import { type FaultKind, NETWORK_FAULTS, NODE_FAULTS, PAIR_FAULTS, schedule } from './schedule.js';

const HOUR = { durationMs: 600_000, nodes: 4 };

it('the same seed makes the same schedule, another seed another, with every kind of fault in it', () => {
  const faults = schedule({ seed: 7, networks: true, ...HOUR });
  expect(schedule({ seed: 7, networks: true, ...HOUR })).toEqual(faults);
  expect(schedule({ seed: 8, networks: true, ...HOUR })).not.toEqual(faults);
  const kinds = new Set<FaultKind>(faults.map(({ kind }) => kind));
  expect([...kinds].sort()).toEqual([...NODE_FAULTS, ...NETWORK_FAULTS, ...PAIR_FAULTS].sort());
  expect(schedule({ seed: 7, networks: false, ...HOUR }).some(({ kind }) => kind === 'deaf')).toBe(false);
});

it('no fault touches a node or a pair that another still holds, and all are over at the end', () => {
  const holds = new Map<string, number>();
  for (const { kind, at, lasts, node, peer } of schedule({ seed: 9, networks: true, ...HOUR })) {
    expect(node).not.toBe(peer);
    expect(at + lasts).toBeLessThanOrEqual(HOUR.durationMs);
    const isOfPair = (PAIR_FAULTS as readonly string[]).includes(kind);
    const pair = [node, peer].sort().join('-');
    const held = isOfPair ? [pair, `${node}`, `${peer}`] : [`${node}`];
    for (const each of held) expect(holds.get(each) ?? 0).toBeLessThanOrEqual(at);
    holds.set(isOfPair ? pair : `${node}`, at + lasts);
  }
});
