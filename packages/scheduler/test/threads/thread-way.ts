/** A way between two threads with both ends in this one, for tests of what goes over it. */
import { MessageChannel } from 'node:worker_threads';
import { Inbox } from '../../src/threads/inbox.js';
import { makeWay, WayPort } from '../../src/threads/mesh-port.js';
import { Outbox } from '../../src/threads/outbox.js';
import { type FanOutHandler, type ParcelHandler, writeMessage } from '../../src/threads/parcel.js';
import { ringMemory } from '../../src/threads/ring.js';

/** @param ringBytes how much is on its way at once. @default as in production */
export function twoEnds(ringBytes?: number): readonly [WayPort, WayPort] {
  if (ringBytes === undefined) {
    const [one, other] = makeWay(false);
    return [new WayPort(one, false), new WayPort(other, false)];
  }
  const { port1, port2 } = new MessageChannel();
  const [there, back] = [ringMemory(ringBytes), ringMemory(ringBytes)];
  return [
    new WayPort({ port: port1, outward: there, inward: back }, false),
    new WayPort({ port: port2, outward: back, inward: there }, false),
  ];
}

export const NO_FAN_OUT: FanOutHandler = {
  isSated: false,
  receive: () => {},
  member: () => {},
  form: () => {},
  receiveFormed: () => {},
  receiveBlock: () => {},
};

/** One direction of a way: what is written into its outbox is handed out by `deliver`. */
export class OneWay {
  readonly outbox = new Outbox();
  readonly #inbox = new Inbox();
  readonly #ends: readonly [WayPort, WayPort];

  constructor(ringBytes?: number) {
    this.#ends = twoEnds(ringBytes);
  }

  /** Sends and hands out until everything has arrived. */
  deliver(handler: Partial<ParcelHandler>, thread = 0): void {
    const [here, there] = this.#ends;
    do {
      this.outbox.send(here);
      if (this.#inbox.fill(there)) this.#inbox.read(thread, { fanOut: NO_FAN_OUT, ...handler } as ParcelHandler);
    } while (this.outbox.length > 0);
  }

  /** A message as the other thread gets it. @throws NotPortableError */
  pass(value: unknown): unknown {
    const arrived: unknown[] = [];
    writeMessage(this.outbox, 7, value);
    this.deliver({ message: (_serial, message) => void arrived.push(message) });
    if (arrived.length !== 1) throw new Error(`${arrived.length} messages arrived`);
    return arrived[0];
  }

  close(): void {
    this.#ends[0].close();
  }
}
