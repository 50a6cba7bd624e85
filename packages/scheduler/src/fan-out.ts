/**
 * One message for many processes of a node.
 *
 * 1. Home keeps audiences (`audience.ts`) and tells each thread of the members there as they come and go, on the way that
 *    messages take: a message reaches who was a member when it was sent.
 * 2. A message crosses to each thread with members once, under the number of its audience, and is decoded there once: a
 *    frozen object that all of them share.
 * 3. A thread takes in a bounded number of deliveries in one turn of its event loop; what is behind them waits in its way
 *    and at its sender, where it is bounded by bytes. A block of messages comes in parts that are no more than that.
 *
 * That a thread knows its members beforehand makes an audience of a thousand cost its sender what one of ten costs. With
 * the serials of all of them in each parcel, home spent 70 µs of CPU on a message for 1,000 processes.
 */
import { Audience, type AudienceHost } from './audience.js';
import { FormedBlock, FormedBlockReader, type FormedTaker } from './encoding/formed-block.js';
import { FormedMessage, type MessageForm } from './encoding/message-form.js';
import { SharedMessage } from './encoding/shared-message.js';
import type { Process } from './process.js';
import { QUEUE_FULL } from './router.js';
import type { Runtime } from './runtime.js';
import { MAX_FORMS, readAudience, readBlockHead, readFormedBody } from './threads/form-parcel.js';
import type { Outbox } from './threads/outbox.js';
import {
  type FanOutHandler,
  writeForm,
  writeFormed,
  writeFormedBlock,
  writeMember,
  writeMulticast,
} from './threads/parcel.js';

/** What an audience is given. */
export type Multicast = SharedMessage | FormedMessage | FormedBlock;

/** Deliveries after which a thread leaves the rest for its next turn: about a millisecond, with what they cause. */
const DELIVERIES_PER_TURN = 8_192;

/** The members of one audience on this thread. */
interface Roster {
  /** Undefined where the process had ended before its thread heard that it is a member. */
  readonly processes: (Process | undefined)[];
  readonly serials: number[];
  /** Where each is, by serial. */
  readonly places: Map<number, number>;
}

export class FanOut implements AudienceHost, FanOutHandler {
  readonly #runtime: Runtime;
  readonly #rosters = new Map<number, Roster>();
  /** Forms that each other thread has been told of, with their numbers. */
  readonly #told = new WeakMap<Outbox, Map<MessageForm, number>>();
  /** Forms that this thread has been told of, by number. */
  readonly #forms: MessageForm[] = [];
  readonly #blocks = new FormedBlockReader();
  #audiences = 0;
  #deliveries = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** On the home thread: an audience without members. */
  createAudience(): Audience {
    return new Audience(this.#audiences++, this);
  }

  /** Whether it has delivered enough for this turn. */
  get isSated(): boolean {
    return this.#deliveries >= DELIVERIES_PER_TURN;
  }

  beginTurn(): void {
    this.#deliveries = 0;
  }

  tellMember(thread: number, audience: number, serial: number, isMember: boolean): void {
    if (thread === this.#runtime.options.thread) return this.member(audience, serial, isMember);
    const outbox = this.#runtime.mesh.outbox(thread);
    if (outbox === undefined) return;
    writeMember(outbox, audience, serial, isMember);
    this.#runtime.mesh.written(outbox);
  }

  /** A process of this thread is a member from now on, or is none any more. */
  member(audience: number, serial: number, isMember: boolean): void {
    const roster: Roster = this.#rosters.get(audience) ?? { processes: [], serials: [], places: new Map() };
    const { processes, serials, places } = roster;
    if (isMember) {
      this.#rosters.set(audience, roster);
      places.set(serial, serials.length);
      serials.push(serial);
      processes.push(this.#runtime.processes.at(serial));
      return;
    }
    const place = places.get(serial);
    if (place === undefined) return;
    places.delete(serial);
    // The last one takes its place: the order among members means nothing.
    const lastSerial = serials.pop() as number;
    const lastProcess = processes.pop();
    if (place < serials.length) {
      serials[place] = lastSerial;
      processes[place] = lastProcess;
      places.set(lastSerial, place);
    }
    if (serials.length === 0) this.#rosters.delete(audience);
  }

  /**
   * Gives a message, or those of a block, to every member, or to those on one thread.
   * @param full told of each thread that has fallen behind, so that none of the members there gets any.
   * @returns how many deliveries are known not to happen; what other threads drop, they count themselves.
   */
  send(audience: Audience, message: Multicast, full?: (thread: number) => void, only?: number): number {
    const { options, mesh } = this.#runtime;
    const isBlock = message instanceof FormedBlock;
    const messages = isBlock ? message.count : 1;
    let dropped = 0;
    for (const [thread, { size }] of audience.threads) {
      if (only !== undefined && only !== thread) continue;
      if (thread === options.thread) {
        dropped += isBlock ? this.#deliverBlock(audience.id, message) : this.#deliver(audience.id, message);
        continue;
      }
      const outbox = mesh.outbox(thread);
      if (outbox === undefined) {
        this.#runtime.countDropped('no such thread', size * messages);
        continue;
      }
      if (mesh.isFull(outbox)) {
        this.#runtime.countDropped(QUEUE_FULL, size * messages);
        dropped += size * messages;
        full?.(thread);
        continue;
      }
      if (isBlock) this.#writeBlock(outbox, audience.id, size, message);
      else if (message instanceof FormedMessage) {
        writeFormed(outbox, audience.id, this.#tellForm(outbox, message.form), message);
      } else writeMulticast(outbox, audience.id, message.bytes, message.trusted);
      mesh.written(outbox);
    }
    return dropped;
  }

  form(number: number, form: MessageForm): void {
    this.#forms[number] = form;
  }

  /** The message is used up before the bytes change: all members are given its value at once. */
  receiveFormed(bytes: Buffer, at: number, end: number): void {
    this.#deliver(readAudience(bytes, at), readFormedBody(bytes, at, end, this.#forms));
  }

  receiveBlock(bytes: Buffer, at: number, end: number): void {
    const roster = this.#rosters.get(readAudience(bytes, at));
    if (roster === undefined) return;
    const { begins, form, messagesAt } = readBlockHead(bytes, at);
    this.#blocks.read(this.#forms[form] as MessageForm, bytes, messagesAt, end, begins, this.#giver(roster));
  }

  #writeBlock(outbox: Outbox, audience: number, members: number, block: FormedBlock): void {
    const form = this.#tellForm(outbox, block.form);
    const most = Math.max(1, Math.floor(DELIVERIES_PER_TURN / members));
    for (let at = block.start; at < block.bytes.length; ) {
      const end = block.endOf(at, most);
      writeFormedBlock(outbox, audience, form, block, at, end);
      at = end;
    }
  }

  /** @returns how many deliveries there were not. */
  #deliverBlock(audience: number, { form, bytes, start }: FormedBlock): number {
    const roster = this.#rosters.get(audience);
    if (roster === undefined) return 0;
    const giver = this.#giver(roster);
    this.#blocks.read(form, bytes, start, bytes.length, true, giver);
    return giver.dropped;
  }

  #giver(roster: Roster): FormedTaker & { dropped: number } {
    const { receiver } = this.#runtime;
    const { length } = roster.processes;
    const give = (value: unknown, bytes: number): number => this.#give(roster, value, bytes);
    return {
      dropped: 0,
      take(message, bytes) {
        this.dropped += give(message, bytes);
      },
      refuse(error) {
        receiver.refuse(error, length);
        this.dropped += length;
      },
    };
  }

  /** Tells the thread of the form, if it does not know it. @returns its number there. */
  #tellForm(outbox: Outbox, form: MessageForm): number {
    const told = this.#told.get(outbox) ?? new Map<MessageForm, number>();
    const known = told.get(form);
    if (known !== undefined) return known;
    // All numbers are given: they are given anew.
    if (told.size === MAX_FORMS) told.clear();
    const number = told.size;
    told.set(form, number);
    this.#told.set(outbox, told);
    writeForm(outbox, number, form);
    return number;
  }

  /** A message of another thread for the members on this one. */
  receive(audience: number, bytes: Uint8Array, trusted: boolean): void {
    this.#deliver(audience, SharedMessage.ofBytes(bytes, trusted));
  }

  /** @returns how many living members did not get it. */
  #deliver(audience: number, message: SharedMessage | FormedMessage): number {
    const roster = this.#rosters.get(audience);
    if (roster === undefined) return 0;
    let value: unknown;
    try {
      value = message.value;
    } catch (error) {
      const { length } = roster.processes;
      this.#runtime.receiver.refuse(error, length);
      return length;
    }
    return this.#give(roster, value, message.knownBytes);
  }

  /** @returns how many living members did not get it. */
  #give({ processes }: Roster, value: unknown, bytes: number): number {
    const { length } = processes;
    this.#deliveries += length;
    let dropped = 0;
    let ended = 0;
    for (let at = 0; at < length; at++) {
      const process = processes[at];
      if (process === undefined || !process.alive) ended++;
      else if (!process.deliver(value, bytes)) dropped++;
    }
    if (ended > 0) this.#runtime.countDropped('no such process', ended);
    return dropped;
  }
}
