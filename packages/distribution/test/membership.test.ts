import { type NodeName, silentLogger } from '@liminal-node/scheduler';
import { describe, expect, test } from 'vitest';
import { MembershipOverflowError } from '../src/errors.js';
import { Membership, type MembershipEvent, type MembershipStage } from '../src/membership.js';
import type { Session } from '../src/session.js';

let nextId = 1;
const session = (node: string): Session => ({
  id: nextId++,
  node: node as NodeName,
  creation: 1,
  version: 1,
  hidden: false,
  address: null,
  upSince: 0,
  roundTripMs: undefined,
  up: true,
  leaving: false,
  takesSpawns: true,
  resumesGroups: true,
  takesPublicationBlocks: true,
  maxBodyBytes: 1,
  traffic: { queued: 0, written: 0, dropped: 0, uncertain: 0 },
});
const show = ({ type, session: { node } }: MembershipEvent): string => `${type} ${node}`;
const create = (): Membership => new Membership(silentLogger, () => {});

async function take(events: AsyncIterator<MembershipEvent>, count: number): Promise<string[]> {
  const taken: string[] = [];
  for (let left = count; left > 0; left--) {
    const next = await events.next();
    taken.push(next.done === true ? 'end' : show(next.value));
  }
  return taken;
}

describe('membership', () => {
  test('is told stage by stage, whatever the order of registration', () => {
    const membership = create();
    const told: string[] = [];
    for (const stage of ['everyone', 'signals', 'groups'] as const)
      membership.on(stage, (event) => told.push(`${stage} ${show(event)}`));
    const a = session('a@h');
    membership.tell({ type: 'up', session: a });
    membership.tell({ type: 'down', session: a, reason: 'closed' });
    expect(told).toEqual(
      ['up', 'down'].flatMap((type) => ['groups', 'signals', 'everyone'].map((stage) => `${stage} ${type} a@h`)),
    );
  });

  test('an event that a listener causes waits until the one before has passed all stages', () => {
    const membership = create();
    const told: string[] = [];
    const a = session('a@h');
    membership.on('groups', (event) => {
      if (event.type === 'up') membership.tell({ type: 'down', session: a, reason: 'control budget' });
      told.push(`groups ${event.type}`);
    });
    membership.on('everyone', (event) => told.push(`everyone ${event.type}`));
    membership.tell({ type: 'up', session: a });
    expect(told).toEqual(['groups up', 'everyone up', 'groups down', 'everyone down']);
  });

  test('a listener that throws is counted and keeps nobody from being told; one that is removed is told no more', () => {
    let failures = 0;
    const membership = new Membership(silentLogger, () => failures++);
    const told: MembershipStage[] = [];
    membership.on('groups', () => {
      throw new Error('mine');
    });
    membership.on('groups', () => told.push('groups'));
    const remove = membership.on('signals', () => told.push('signals'));
    membership.tell({ type: 'up', session: session('a@h') });
    remove();
    membership.tell({ type: 'up', session: session('b@h') });
    expect([failures, told]).toEqual([2, ['groups', 'signals', 'groups']]);
  });

  test('a reader gets what is up, then all that follows, and none twice, also when it begins in the middle of an event', async () => {
    const membership = create();
    const [a, b] = [session('a@h'), session('b@h')];
    const readers: AsyncIterator<MembershipEvent>[] = [];
    membership.on('groups', () => readers.push(membership.read()));
    membership.tell({ type: 'up', session: a });
    membership.tell({ type: 'up', session: b });
    membership.tell({ type: 'down', session: a, reason: 'closed' });
    readers.push(membership.read());
    membership.end();
    const all = await Promise.all(readers.map((reader) => take(reader, 4)));
    expect(all).toEqual([
      ['up a@h', 'up b@h', 'down a@h', 'end'],
      ['up a@h', 'up b@h', 'down a@h', 'end'],
      ['up a@h', 'up b@h', 'down a@h', 'end'],
      ['up b@h', 'end', 'end', 'end'],
    ]);
  });

  test('a reader that waits is woken by the event, by the abort, and by the end', async () => {
    const membership = create();
    const abort = new AbortController();
    const [first, second, third] = [membership.read(), membership.read(abort.signal), membership.read()];
    const waiting = [take(first, 1), take(second, 2), take(third, 2)];
    membership.tell({ type: 'up', session: session('a@h') });
    abort.abort();
    membership.end();
    expect(await Promise.all(waiting)).toEqual([['up a@h'], ['up a@h', 'end'], ['up a@h', 'end']]);
    expect(await take(membership.read(), 2)).toEqual(['up a@h', 'end']);
    expect(await take(membership.read(AbortSignal.abort()), 1)).toEqual(['end']);
  });

  test('leaving a for-await loop ends the reader', async () => {
    const membership = create();
    membership.tell({ type: 'up', session: session('a@h') });
    const reader = membership.read();
    for await (const _ of reader) break;
    expect(await take(reader, 1)).toEqual(['end']);
  });

  test('a reader that does not read is bounded, and is told', async () => {
    const membership = create();
    const reader = membership.read();
    const a = session('a@h');
    for (let i = 0; i <= 65_536; i++)
      membership.tell(i % 2 === 0 ? { type: 'up', session: a } : { type: 'down', session: a, reason: 'closed' });
    await expect(reader.next()).rejects.toBeInstanceOf(MembershipOverflowError);
    expect(await take(reader, 1)).toEqual(['end']);
  });
});
