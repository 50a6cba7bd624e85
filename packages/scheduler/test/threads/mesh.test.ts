/** Two threads joined by a way, whose turns of the event loop and wake-ups come in any order that may be. */
import type { MessagePort } from 'node:worker_threads';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { AwakeWindow } from '../../src/threads/awake-window.js';
import { Cores } from '../../src/threads/cores.js';
import { Mesh, type MeshHost } from '../../src/threads/mesh.js';
import { WayPort } from '../../src/threads/mesh-port.js';
import { writeMessage } from '../../src/threads/parcel.js';
import { ringMemory } from '../../src/threads/ring.js';
import { ManualEnvironment } from '../manual-environment.js';

/** One end of the port that carries wake-ups: what is posted waits until the test lets it arrive. */
class WakeUps {
  waiting = 0;
  other: WakeUps | undefined;
  #callback = (): void => {};

  on(_event: string, callback: () => void): void {
    this.#callback = callback;
  }

  unref(): void {}
  close(): void {}

  postMessage(): void {
    if (this.other !== undefined) this.other.waiting++;
  }

  arrive(): void {
    this.waiting--;
    this.#callback();
  }
}

/** A port whose owner is interrupted between its last look and its rest. */
class RacingPort extends WayPort {
  race: (() => void) | undefined;

  override rest(): boolean {
    const { race } = this;
    this.race = undefined;
    race?.();
    return super.rest();
  }
}

class Thread {
  readonly mesh: Mesh;
  readonly arrived: unknown[] = [];
  wantsTurn = false;
  sent = 0;
  port: RacingPort | undefined;

  readonly environment: ManualEnvironment;
  readonly wakeUps: WakeUps;

  constructor(
    environment: ManualEnvironment,
    wakeUps: WakeUps,
    awake: Int32Array,
    slot: number,
    maxWaitingBytes: number,
  ) {
    this.environment = environment;
    this.wakeUps = wakeUps;
    const message = (_serial: number, value: unknown): void => void this.arrived.push(value);
    const host = { message, fanOut: { isSated: false }, catchUp: () => {}, gather: () => {} };
    const wakefulness = { window: new AwakeWindow(0.2), cores: new Cores(awake, slot, 2) };
    const options = { environment, threadQueueBytes: maxWaitingBytes, wakefulness };
    this.mesh = new Mesh(options, host as unknown as MeshHost, () => {
      this.wantsTurn = true;
    });
  }

  attach(port: RacingPort): void {
    this.port = port;
    this.mesh.attach(7, port);
  }

  send(): void {
    const outbox = this.mesh.outbox(7);
    if (outbox === undefined || this.mesh.isFull(outbox)) return;
    writeMessage(outbox, 1, { n: this.sent++, text: 'text of the message' });
    this.mesh.written(outbox);
  }

  turn(): void {
    this.wantsTurn = false;
    this.mesh.endTurn(false);
  }
}

const RING_BYTES = 128;

function pair(maxWaitingBytes = 10_000): readonly [Thread, Thread] {
  const environment = new ManualEnvironment();
  const awake = Cores.makeAwake();
  const [there, back] = [ringMemory(RING_BYTES), ringMemory(RING_BYTES)];
  const [one, other] = [new WakeUps(), new WakeUps()];
  one.other = other;
  other.other = one;
  const threads = [
    new Thread(environment, one, awake, 0, maxWaitingBytes),
    new Thread(environment, other, awake, 1, maxWaitingBytes),
  ] as const;
  const port = (wakeUps: WakeUps) => wakeUps as unknown as MessagePort;
  threads[0].attach(new RacingPort({ port: port(one), outward: there, inward: back }, false));
  threads[1].attach(new RacingPort({ port: port(other), outward: back, inward: there }, false));
  return threads;
}

/** Does what is due until nothing is. @returns how many steps that took. */
function settle(threads: readonly Thread[]): number {
  for (let steps = 0; ; steps++) {
    const due = threads.find(({ wantsTurn, wakeUps }) => wantsTurn || wakeUps.waiting > 0);
    if (due === undefined) return steps;
    if (steps > 10_000) throw new Error('there is no end of turns');
    due.environment.spend(0.005);
    if (due.wakeUps.waiting > 0) due.wakeUps.arrive();
    else due.turn();
  }
}

let threads: readonly [Thread, Thread];
afterEach(() => {
  for (const { mesh } of threads) mesh.close();
});

const numbers = (values: readonly unknown[]): number[] => values.map((value) => (value as { n: number }).n);

describe('two threads', () => {
  test('lose no message and no wake-up, in whatever order they take their turns', () => {
    const step = fc.record({
      thread: fc.constantFrom(0, 1),
      does: fc.constantFrom('send', 'send', 'flush', 'turn', 'wake-up', 'time', 'race'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        threads = pair();
        for (const { thread, does } of steps) {
          const acting = threads[thread] as Thread;
          const other = threads[1 - thread] as Thread;
          if (does === 'send') acting.send();
          else if (does === 'flush') acting.mesh.flush();
          else if (does === 'race' && acting.port !== undefined) {
            acting.port.race = () => {
              other.send();
              if (other.wantsTurn) other.turn();
              else other.mesh.flush();
            };
          } else if (does === 'turn' && acting.wantsTurn) acting.turn();
          else if (does === 'wake-up' && acting.wakeUps.waiting > 0) acting.wakeUps.arrive();
          else acting.environment.spend(0.03);
        }
        // What was sent last is on its way at the end of the turn.
        for (const { mesh } of threads) mesh.flush();
        settle(threads);
        for (const [from, to] of [threads, [threads[1], threads[0]] as const]) {
          expect(numbers(to.arrived)).toEqual(Array.from({ length: from.sent }, (_, n) => n));
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('go on where room was made while the one that wants it goes to rest', () => {
    threads = pair();
    const [one, other] = threads;
    other.send();
    other.mesh.flush();
    one.wakeUps.arrive();
    for (let n = 0; n < 20; n++) one.send();
    one.turn();
    if (one.port !== undefined) one.port.race = () => other.wakeUps.arrive();
    settle([one]);
    settle(threads);
    expect(numbers(other.arrived)).toEqual(Array.from({ length: 20 }, (_, n) => n));
  });

  test('that stay awake need no wake-up', () => {
    threads = pair();
    settle(threads);
    const [one, other] = threads;
    const turns = (): void => {
      for (const thread of threads) {
        thread.environment.spend(0.01);
        if (thread.wakeUps.waiting > 0) thread.wakeUps.arrive();
        else if (thread.wantsTurn) thread.turn();
      }
    };
    let wakeUps = 0;
    for (let round = 0; round < 20; round++) {
      one.send();
      one.mesh.flush();
      wakeUps += other.wakeUps.waiting;
      while (other.arrived.length <= round) {
        turns();
      }
      for (let idle = 0; idle < 5; idle++) turns();
    }
    expect(wakeUps).toBeLessThan(5);
  });

  test('rest when there is nothing more to do (scenario A26)', () => {
    threads = pair();
    threads[0].send();
    threads[0].mesh.flush();
    expect(settle(threads)).toBeLessThan(200);
    expect(threads.map(({ wantsTurn }) => wantsTurn)).toEqual([false, false]);
  });

  test('refuse a message beyond what may wait, and have room again later (failures F9)', () => {
    threads = pair(1000);
    const [one, other] = threads;
    settle(threads);
    for (let n = 0; n < 1000; n++) one.send();
    const outbox = one.mesh.outbox(7);
    expect(outbox?.length).toBeGreaterThan(1000);
    expect(outbox?.length).toBeLessThan(1100);
    const { sent } = one;
    expect(sent).toBeLessThan(100);
    one.mesh.flush();
    settle(threads);
    expect(numbers(other.arrived)).toEqual(Array.from({ length: sent }, (_, n) => n));
    one.send();
    one.mesh.flush();
    settle(threads);
    expect(other.arrived).toHaveLength(sent + 1);
  });
});
