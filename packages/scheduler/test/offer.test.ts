/** What a sender can learn of a mailbox that is full: `trySend` tells at once, `offer` waits for room. */
import { setMaxListeners } from 'node:events';
import {
  type AttachedProcess,
  type DownMessage,
  inOnePiece,
  OfferError,
  parseNodeName,
  Scheduler,
} from '@liminal-node/scheduler';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gate, offerer, openGate, slowHandler } from './fixtures/gate.js';

let scheduler: Scheduler;

beforeAll(async () => {
  scheduler = await Scheduler.start({ threads: 2 });
});
afterAll(() => scheduler.stop());

const small = { maxItems: 2, overflow: 'drop-newest' } as const;

/** Two rounds to every thread and back: what was on its way when it began has arrived, and so have answers. */
async function settled(): Promise<void> {
  for (let round = 0; round < 2; round++) await scheduler.inspect();
}

describe.each(['home', 'another thread'] as const)('to a process on %s', (place) => {
  const thread = (): number | 'home' => (place === 'home' ? 'home' : (scheduler.threads[0] as number));
  const open = (owner: AttachedProcess) =>
    openGate(owner, (opener) => scheduler.spawn(gate, [opener], { thread: thread(), mailbox: small }));

  test('an offer is accepted at once where there is room', async () => {
    await using owner = scheduler.attach();
    const { pid, take } = await open(owner);
    await owner.offer(pid, 'one');
    await owner.offer(pid, 'two');
    expect(await take(2)).toEqual(['one', 'two']);
  });

  test('an offer waits for room, and nothing is dropped; the oldest comes first', async () => {
    await using owner = scheduler.attach();
    const { pid, take } = await open(owner);
    const accepted: number[] = [];
    const offers = [1, 2, 3, 4, 5, 6].map((n) => owner.offer(pid, n).then(() => accepted.push(n)));
    await Promise.all(offers.slice(0, 2));
    await settled();
    expect(accepted).toEqual([1, 2]);
    expect(await take(1)).toEqual([1]);
    await offers[2];
    await settled();
    expect(accepted).toEqual([1, 2, 3]);
    expect(await take(5)).toEqual([2, 3, 4, 5, 6]);
    await Promise.all(offers);
  });

  test('an offer that is not accepted in time is withdrawn', async () => {
    await using owner = scheduler.attach();
    const { pid, take } = await open(owner);
    await owner.offer(pid, 'first');
    await owner.offer(pid, 'second');
    const late = owner.offer(pid, 'late', { timeoutMs: 20 });
    await expect(late).rejects.toMatchObject({ code: 'ERR_LIMINAL_OFFER_TIMEOUT', timeoutMs: 20 });
    const gone = new AbortController();
    const aborted = owner.offer(pid, 'aborted', { signal: gone.signal });
    gone.abort(new Error('changed my mind'));
    await expect(aborted).rejects.toThrow('changed my mind');
    const last = owner.offer(pid, 'last');
    expect(await take(3)).toEqual(['first', 'second', 'last']);
    await last;
  });

  test('an offer fails with the reason of a receiver that ends, and at once where it is dead', async () => {
    await using owner = scheduler.attach();
    const { pid } = await open(owner);
    await owner.offer(pid, 'first');
    await owner.offer(pid, 'second');
    const waiting = owner.offer(pid, 'third');
    // Behind the offer on the same way.
    owner.exitProcess(pid, 'done for');
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_LIMINAL_OFFER', reason: 'done for' });
    await expect(owner.offer(pid, 'fourth')).rejects.toMatchObject({ reason: 'noproc' });
    await expect(owner.offer(pid, 'fourth')).rejects.toBeInstanceOf(OfferError);
  });

  test('a handler takes what waits for room after it has handled what was there', async () => {
    await using owner = scheduler.attach();
    const pid = await scheduler.spawn(slowHandler, [owner.pid], { thread: thread(), mailbox: small });
    await Promise.all([1, 2, 3, 4, 5, 6, 7].map((n) => owner.offer(pid, n)));
    const heard: unknown[] = [];
    while (heard.length < 7) heard.push(await owner.receive());
    expect(heard).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test('more than 1,024 waiting offers are refused', async () => {
    await using owner = scheduler.attach();
    const { pid } = await open(owner);
    await owner.offer(pid, 'first');
    await owner.offer(pid, 'second');
    const stop = new AbortController();
    setMaxListeners(0, stop.signal);
    const offers = Array.from({ length: 1024 }, (_, n) => owner.offer(pid, n, { signal: stop.signal }));
    await expect(owner.offer(pid, 'too many')).rejects.toMatchObject({ reason: { tooManyOffers: 1024 } });
    stop.abort();
    expect((await Promise.allSettled(offers)).every(({ status }) => status === 'rejected')).toBe(true);
  });

  test('what cannot be sent is refused at the offer, and nothing is left of it', async () => {
    await using owner = scheduler.attach();
    const { pid, take } = await open(owner);
    await expect(owner.offer(pid, () => {})).rejects.toMatchObject({ code: 'ERR_LIMINAL_NOT_PORTABLE' });
    await owner.offer(pid, 'fine');
    expect(await take(1)).toEqual(['fine']);
  });
});

describe('trySend', () => {
  test('tells of a mailbox of its thread that is full, and of a process that is not there', async () => {
    await using owner = scheduler.attach();
    const { pid } = await openGate(owner, (opener) =>
      scheduler.spawn(gate, [opener], { thread: 'home', mailbox: small }),
    );
    expect([owner.trySend(pid, 1), owner.trySend(pid, 2), owner.trySend(pid, 3)]).toEqual(['sent', 'sent', 'full']);
    owner.exitProcess(pid, 'kill');
    expect(owner.trySend(pid, 4)).toBe('noproc');
  });

  test('tells of a thread, a name and a node that are not there', async () => {
    await using owner = scheduler.attach();
    const pid = await scheduler.spawn(slowHandler, [owner.pid], { thread: scheduler.threads[1] as number });
    expect(owner.trySend(pid, 1)).toBe('sent');
    const elsewhere = 'b@127.0.0.1' as typeof scheduler.node;
    expect(owner.trySend({ name: 'nobody', node: elsewhere }, 1)).toBe('noconnection');
    expect(owner.trySend({ name: 'nobody', node: scheduler.node }, 1)).toBe('noproc');
    expect(() => owner.trySend({ name: 'nobody' }, 1)).toThrow('no process is registered');
  });
});

test('an offer to a name reaches its holder, and throws where there is none', async () => {
  await using owner = scheduler.attach();
  const { take } = await openGate(owner, (opener) =>
    scheduler.spawn(gate, [opener], { name: 'the gate', mailbox: small }),
  );
  await owner.offer({ name: 'the gate' }, 'by name');
  expect(await take(1)).toEqual(['by name']);
  await expect(owner.offer({ name: 'no gate' }, 1)).rejects.toMatchObject({ code: 'ERR_LIMINAL_NAME' });
});

describe('to another node', () => {
  /** Two schedulers whose signals reach each other at once, as over a connection with room for `lane` bytes. */
  async function connected(lane: { full: boolean }): Promise<{ a: Scheduler; b: Scheduler }> {
    const [a, b] = (await Promise.all(
      ['a@h', 'b@h'].map((node) => Scheduler.start({ node: parseNodeName(node), threads: 1 })),
    )) as [Scheduler, Scheduler];
    const connect = (from: Scheduler, to: Scheduler): void =>
      from.setRemote({
        send(_node, _creation, bytes, mustDeliver) {
          if (lane.full && !mustDeliver) return false;
          to.receiveRemote(from.node, from.creation, inOnePiece(bytes));
          return true;
        },
        broadcast: (notice) => to.receiveRemote(from.node, from.creation, notice),
      });
    connect(a, b);
    connect(b, a);
    return { a, b };
  }

  test('an offer waits for room there, from any thread to any thread', async () => {
    const { a, b } = await connected({ full: false });
    await using owner = b.attach();
    const { pid, take } = await openGate(owner, (opener) => b.spawn(gate, [opener], { mailbox: small }));
    const offering = await a.spawn(offerer, [pid, 6], { thread: a.threads[0] as number });
    const taken: unknown[] = [];
    while (taken.length < 6) taken.push(...(await take(1)));
    expect(taken).toEqual([0, 1, 2, 3, 4, 5]);
    expect(a.isLocal(offering)).toBe(true);
    await Promise.all([a.stop(), b.stop()]);
  });

  test('an offer fails where there is no room on the way, on the home thread and on others', async () => {
    const lane = { full: false };
    const { a, b } = await connected(lane);
    await using owner = b.attach();
    const { pid } = await openGate(owner, (opener) => b.spawn(gate, [opener], { mailbox: small }));
    await using sender = a.attach();
    lane.full = true;
    expect(sender.trySend(pid, 1)).toBe('noconnection');
    await expect(sender.offer(pid, 1)).rejects.toMatchObject({ reason: 'noconnection' });
    await sender.spawn(offerer, [pid, 1], { thread: a.threads[0] as number, monitor: true });
    expect((await sender.receive<DownMessage>()).reason).toMatchObject({
      error: { code: 'ERR_LIMINAL_OFFER', message: 'offer: noconnection' },
    });
    await Promise.all([a.stop(), b.stop()]);
  });
});
