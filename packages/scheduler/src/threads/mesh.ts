/**
 * The ways between the threads of a node: each thread has one to every other, so that what one process sends
 * to another takes one hop and keeps its order.
 *
 * 1. What is sent is collected per thread and goes on its way soon: at the end of the turn, or, where threads
 *    look for it themselves, before the next promise continuation or task, or when some of it has come
 *    together. Home's goes first: whoever hears of something from another thread and asks home about it finds
 *    that home can know it too, unless home has fallen behind by all that a way holds.
 * 2. What another thread has no room for waits here; see `isFull`.
 * 3. Once per turn a thread looks into every way. One that finds nothing stays awake for a moment
 *    (`awake-window.ts`), turning its event loop, and then rests until somebody wakes it.
 */

import type { Environment } from '../environment.js';
import { AwakeWindow } from './awake-window.js';
import { Cores } from './cores.js';
import { Inbox } from './inbox.js';
import type { MeshPort } from './mesh-port.js';
import { Outbox } from './outbox.js';
import type { ParcelHandler } from './parcel.js';

/** What decides whether a thread without work stays awake. */
export interface Wakefulness {
  readonly window: AwakeWindow;
  readonly cores: Cores;
}

/** @param stayAwakeUs see `SchedulerOptions`; for `awake` and `slot`, `Cores`. */
export function wakefulness(stayAwakeUs: number, awake: Int32Array, slot: number): Wakefulness {
  return { window: new AwakeWindow(stayAwakeUs / 1000), cores: new Cores(awake, slot) };
}

export interface MeshOptions {
  readonly environment: Environment;
  /** More than this does not wait for another thread: messages are dropped instead. */
  readonly threadQueueBytes: number;
  /** @default the thread rests as soon as it has nothing to do */
  readonly wakefulness?: Wakefulness | undefined;
}

/** Who takes what has come from other threads. */
export interface MeshHost extends ParcelHandler {
  /** Called ahead of each flush: writes what it has put together. */
  gather(): void;
  /** Called ahead of it. */
  catchUp(): void;
}

interface Neighbour {
  readonly thread: number;
  readonly port: MeshPort;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
}

export class Mesh {
  readonly #options: MeshOptions;
  readonly #host: MeshHost;
  readonly #requestTurn: () => void;
  readonly #neighbours = new Map<number, Neighbour>();
  #isSendScheduled = false;
  #isResting = true;
  /** Whether its ports are such that somebody has to look into them. */
  #isPolled = false;

  /** @param requestTurn asks for a call of `endTurn` in the next turn of the event loop. */
  constructor(options: MeshOptions, host: MeshHost, requestTurn: () => void) {
    this.#options = options;
    this.#host = host;
    this.#requestTurn = requestTurn;
  }

  attach(thread: number, port: MeshPort): void {
    const neighbour = { thread, port, inbox: new Inbox(), outbox: new Outbox() };
    this.#neighbours.set(thread, neighbour);
    this.#isPolled ||= port.isPolled;
    port.onReady(() => {
      if (this.#take(neighbour)) this.#wake();
      // A thread that is polled takes the rest in its next turn.
      while (!this.#isPolled && neighbour.inbox.hasRest) this.#take(neighbour);
      neighbour.outbox.send(port);
      // Also where nothing was left to take: only a turn goes to rest, and is woken, again.
      if (this.#isPolled) this.#requestTurn();
    });
    // For what came before anybody listened.
    if (this.#isPolled) this.#requestTurn();
  }

  /** Takes in what the thread had sent, then forgets it. */
  detach(thread: number): void {
    this.receivePending(thread);
    this.#neighbours.get(thread)?.port.close();
    this.#neighbours.delete(thread);
  }

  /** Handles at once what the thread has sent and the event loop has not delivered yet. */
  receivePending(thread: number): void {
    const neighbour = this.#neighbours.get(thread);
    while (neighbour !== undefined && this.#take(neighbour));
  }

  get threads(): IterableIterator<number> {
    return this.#neighbours.keys();
  }

  /** Where to write parcels for a thread; undefined where it is gone. Follow it with `written`. */
  outbox(thread: number): Outbox | undefined {
    return this.#neighbours.get(thread)?.outbox;
  }

  /** Whether so much waits in an outbox that messages must not be added. Everything else always may be. */
  isFull(outbox: Outbox): boolean {
    return outbox.length > this.#options.threadQueueBytes;
  }

  /** To be called after writing to an outbox. */
  written(outbox: Outbox): void {
    if (outbox.isDue) this.flush();
    else this.flushSoon();
  }

  /** To be called where there is something for `gather`. */
  flushSoon(): void {
    if (!this.#isSendScheduled) this.#scheduleSend();
  }

  /** Sends what waits, as far as there is room. */
  flush(): void {
    this.#isSendScheduled = false;
    this.#host.gather();
    // Home is thread 0 and is attached first, and a Map keeps that order.
    for (const { outbox, port } of this.#neighbours.values()) outbox.send(port);
  }

  /**
   * To be called at the end of each turn of the event loop in which it was asked for.
   * @param isBusy whether there will be another one anyway.
   */
  endTurn(isBusy: boolean): void {
    this.flush();
    if (!this.#isPolled) return;
    let hasTaken = false;
    for (const neighbour of this.#neighbours.values()) hasTaken = this.#take(neighbour) || hasTaken;
    if (hasTaken) this.#wake();
    else if (isBusy) this.#options.wakefulness?.window.active();
    else if (this.#staysAwake()) this.#leaveRest();
    else if (this.#rest()) return;
    this.#requestTurn();
  }

  close(): void {
    this.flush();
    for (const { port } of this.#neighbours.values()) port.close();
    this.#neighbours.clear();
  }

  #scheduleSend(): void {
    this.#isSendScheduled = true;
    if (this.#isPolled) queueMicrotask(this.#sendScheduled);
    else this.#requestTurn();
  }

  readonly #sendScheduled = (): void => {
    this.flush();
  };

  #take({ thread, port, inbox }: Neighbour): boolean {
    if (!inbox.fill(port)) return false;
    this.#host.catchUp();
    inbox.read(thread, this.#host);
    return true;
  }

  /** Something has come. */
  #wake(): void {
    const { wakefulness, environment } = this.#options;
    if (wakefulness === undefined || !this.#isResting) return wakefulness?.window.found();
    wakefulness.window.woken(environment.now());
    this.#leaveRest();
  }

  #staysAwake(): boolean {
    const { wakefulness, environment } = this.#options;
    if (wakefulness === undefined) return false;
    return wakefulness.window.staysAwake(environment.now()) && wakefulness.cores.suffice(this.#neighbours.size);
  }

  #leaveRest(): void {
    if (!this.#isResting) return;
    this.#isResting = false;
    this.#options.wakefulness?.cores.wake();
    for (const { port } of this.#neighbours.values()) port.wake();
  }

  /** @returns false where something has come meanwhile. */
  #rest(): boolean {
    this.#isResting = true;
    this.#options.wakefulness?.cores.rest();
    let isQuiet = true;
    for (const { port, outbox } of this.#neighbours.values()) {
      isQuiet = port.rest() && isQuiet;
      // Room that was made before this rest began has woken nobody.
      outbox.send(port);
    }
    return isQuiet;
  }
}
