/** What a peer's members are called here, and how its changes are told. */

import type { NodeName } from '@liminal-node/scheduler';
import { expect, test } from 'vitest';
import type { PgSession } from '../src/port.js';
import { PeerView, RemoteGroups } from '../src/remote-groups.js';

const session = { node: 'b@h' as NodeName, id: 0, creation: 1 } as PgSession;

test('members of one serial on different threads are different, whichever came before', () => {
  const view = new PeerView(session);
  const named = [
    [0, 7],
    [1, 7],
    [1, 8],
    [0, 8],
    [0, 7],
  ].map(([thread, serial]) => view.pidOf({ thread: thread as number, serial: serial as number, joins: 1 }));
  expect(named).toEqual(['b@h#1.0.7', 'b@h#1.1.7', 'b@h#1.1.8', 'b@h#1.0.8', 'b@h#1.0.7']);
});

test('a join of several times is told as often, alone in its change or behind another', () => {
  const groups = new RemoteGroups();
  const view = groups.open(session);
  const changes = groups.apply(view, [
    { group: 'g', thread: 0, serial: 1, joins: 2 },
    { group: 'g', thread: 0, serial: 2, joins: 3 },
    { group: 'h', thread: 0, serial: 2, joins: 1 },
    { group: 'h', thread: 0, serial: 2, joins: 0 },
  ]);
  const [one, two] = ['b@h#1.0.1', 'b@h#1.0.2'];
  expect(changes.map(({ type, group, pids }) => [type, group, pids])).toEqual([
    ['join', 'g', [one, one, two, two, two]],
    ['join', 'h', [two]],
    ['leave', 'h', [two]],
  ]);
  expect(groups.close(view).map(({ group, pids }) => [group, pids])).toEqual([['g', [one, one, two, two, two]]]);
});
