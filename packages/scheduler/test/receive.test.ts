/** How a process waits for messages, with times, matches and aborts. */
import { describe, expect, test } from 'vitest';
import { ReceiveTimeoutError } from '../src/errors.js';
import type { Self } from '../src/self.js';
import { environment, scheduler, send, start, wait, wanted } from './lone-thread.js';
import { microtasks } from './manual-environment.js';

describe('receive', () => {
  test('A4: what a process sends to itself is behind what it has', async () => {
    const received: unknown[] = [];
    const { pid } = await start(async (self) => {
      await self.receive();
      self.send(self.pid, 'own');
      for await (const message of self.messages()) received.push(message);
    });
    await send(pid, 'go', 'first', 'second');
    expect(received).toEqual(['first', 'second', 'own']);
  });

  test('G2: with no time it takes what is there, and leaves the mailbox as it was where nothing matches', async () => {
    const received: unknown[] = [];
    const { pid } = await start(async (self) => {
      await self.receive();
      await self.receive({ timeoutMs: 0, match: wanted }).catch((error: unknown) => received.push(error));
      received.push(await self.receive({ timeoutMs: 0 }));
      received.push(await self.receive({ timeoutMs: 0 }));
      await self.receive({ timeoutMs: 0 }).catch((error: unknown) => received.push(error));
      await self.receive();
    });
    await send(pid, 'go', 'a', 'b');
    expect(received).toEqual([expect.any(ReceiveTimeoutError), 'a', 'b', expect.any(ReceiveTimeoutError)]);
  });

  test('G2: with no time it is answered however often it asks', async () => {
    let answers = 0;
    await start(async (self) => {
      while (answers < 1000) await self.receive({ timeoutMs: 0 }).catch(() => answers++);
    });
    expect(answers).toBe(1000);
  });

  test('a process that took its fill goes on with what is there, without another message to wake it', async () => {
    const received: unknown[] = [];
    const messages = Array.from({ length: 1000 }, (_, at) => at);
    const pid = scheduler.spawnLocal(async (self) => {
      for await (const message of self.messages()) received.push(message);
    }, []);
    await send(pid, ...messages);
    expect(received).toEqual(messages);
  });

  test('G3: times out at its time and not before', async () => {
    const { outcome } = await wait((self) => self.receive({ timeoutMs: 100 }));
    await environment.advance(99);
    expect(outcome).toEqual({});
    await environment.advance(1);
    expect(outcome.error).toMatchObject({ code: 'ERR_LIMINAL_RECEIVE_TIMEOUT', timeoutMs: 100 });
  });

  test('G4: without a time, or with endless time, it waits and sets no timer', async () => {
    const endless = await wait((self) => self.receive({ timeoutMs: Number.POSITIVE_INFINITY, match: wanted }));
    const plain = await wait((self) => self.receive({ match: wanted }));
    await environment.advance(1e12);
    expect([endless.outcome, plain.outcome, environment.timers]).toEqual([{}, {}, 0]);
    await send(endless.pid, 'wanted');
    expect(endless.outcome).toEqual({ value: 'wanted' });
  });

  test('G5: messages that do not match do not start the time anew', async () => {
    const { outcome, pid } = await wait((self) => self.receive({ timeoutMs: 100, match: wanted }));
    for (let at = 0; at < 9; at++) {
      await environment.advance(10);
      await send(pid, 'other');
    }
    await environment.advance(10);
    expect(outcome.error).toBeInstanceOf(ReceiveTimeoutError);
  });

  test('a message that came in time counts, even if the process had no turn before the time was up', async () => {
    const { outcome, pid } = await wait((self) => self.receive({ timeoutMs: 100 }));
    scheduler.send(pid, 'just in time');
    await environment.advance(100);
    expect(outcome).toEqual({ value: 'just in time' });
  });

  test('G7: a body that fails has taken its message and nothing else', async () => {
    const received: unknown[] = [];
    const { pid } = await start(async (self) => {
      try {
        received.push(await self.receive());
        throw new Error('failed');
      } catch {
        received.push(await self.receive());
      }
    });
    await send(pid, 'a', 'b');
    expect(received).toEqual(['a', 'b']);
  });

  test.each([-1, Number.NaN])('G8: %s is refused as a time', async (timeoutMs) => {
    const { outcome } = await wait((self) => self.receive({ timeoutMs }));
    expect(outcome.error).toBeInstanceOf(RangeError);
  });

  test('a second receive beside one that waits is refused, and the first goes on', async () => {
    let refused: unknown;
    const { outcome, pid } = await wait((self) => {
      const first = self.receive();
      self.receive().catch((error: unknown) => {
        refused = error;
      });
      return first;
    });
    await send(pid, 'for the first');
    expect(refused).toBeInstanceOf(TypeError);
    expect(outcome).toEqual({ value: 'for the first' });
  });

  test('a match that throws rejects the receive and loses nothing', async () => {
    const failing = (_message: unknown): _message is unknown => {
      throw new Error('bad match');
    };
    const { outcome, pid } = await wait((self) =>
      self.receive({ match: failing }).catch(async (error: Error) => [error.message, await self.receive()]),
    );
    await send(pid, 'kept');
    expect(outcome).toEqual({ value: ['bad match', 'kept'] });
  });

  test('a wait goes on where the oldest messages are dropped to make room', async () => {
    const bound = { maxItems: 3, overflow: 'drop-oldest' as const };
    const { outcome, pid } = await wait((self) => self.receive({ match: wanted }), bound);
    await send(pid, 1, 2, 3);
    await send(pid, 4);
    await send(pid, 'wanted');
    expect(outcome).toEqual({ value: 'wanted' });
  });

  test('a wait goes on where a down is flushed meanwhile', async () => {
    let self: Self | undefined;
    const { outcome, pid } = await wait((own) => {
      self = own;
      return own.receive({ match: wanted });
    });
    const ref = self?.monitor(scheduler.root);
    await microtasks();
    if (ref !== undefined) self?.demonitor(ref, { flush: true });
    await send(pid, 'wanted');
    expect(outcome).toEqual({ value: 'wanted' });
  });
});

describe('an abort', () => {
  test('that came before rejects at once', async () => {
    const { outcome } = await wait((self) => self.receive({ signal: AbortSignal.abort('early') }));
    expect(outcome).toEqual({ error: 'early' });
  });

  test('ends the wait with its reason, and leaves timer and listener behind nowhere', async () => {
    const controller = new AbortController();
    const { outcome, pid } = await wait((self) => self.receive({ signal: controller.signal, timeoutMs: 100 }));
    controller.abort('enough');
    await microtasks();
    expect([outcome, environment.timers]).toEqual([{ error: 'enough' }, 0]);
    await send(pid, 'later');
  });

  test('that meets a message leaves the message in the mailbox', async () => {
    const controller = new AbortController();
    const { outcome, pid } = await wait((self) =>
      self.receive({ signal: controller.signal }).catch(async (reason: unknown) => [reason, await self.receive()]),
    );
    scheduler.send(pid, 'kept');
    controller.abort('enough');
    await microtasks();
    expect(outcome).toEqual({ value: ['enough', 'kept'] });
  });

  test('that comes after the message changes nothing', async () => {
    const controller = new AbortController();
    const { outcome, pid } = await wait((self) => self.receive({ signal: controller.signal, timeoutMs: 100 }));
    await send(pid, 'first');
    controller.abort('late');
    await environment.advance(1000);
    expect([outcome, environment.timers]).toEqual([{ value: 'first' }, 0]);
  });
});
