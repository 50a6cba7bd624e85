/**
 * The fast way of publications (`publication.ts`) that have neither parents nor a trace: what those of one publisher on
 * one channel have in common is made, and read, once.
 *
 * As bytes such a publication is
 *
 *   start: channel and publisher | text id | f64 timestamp | end: no parents, no trace, content type | the payload
 *
 * and who publishes copies start and end; who receives it compares them with those of one that came before. Anything else
 * goes the long way, where it is checked in full. Whole publications are passed on to threads as messages of a form
 * (`MessageForm`), so that home makes no text and no object of them.
 */
import {
  ByteWriter,
  FormedMessage,
  flowOfPid,
  type MessageForm,
  type NodeLife,
  type Pid,
  parsePid,
} from '@liminal-node/scheduler';
import type { EnvelopeHead } from './envelope.js';
import { checkHead, formOf, MAX_ID_BYTES } from './publication.js';
import { OutgoingBlocks } from './publication-block.js';

export const DEFAULT_CONTENT_TYPE = 'application/cbor';

/** Forms that are remembered, on the way out and of each peer; one more, and the memory starts afresh. */
const MAX_REMEMBERED = 1_000;

const TIMESTAMP_BYTES = 8;
/** A text's length, in front of it. */
const LENGTH_BYTES = 2;
/** Thread and serial of the publisher, behind the channel. */
const PUBLISHER_BYTES = 10;

type FormHead = Pick<EnvelopeHead, 'channel' | 'publisher' | 'contentType'>;

/** What the plain publications of one publisher on one channel have in common. */
export class PublicationForm {
  readonly channel: string;
  readonly publisher: Pid;
  readonly contentType: string;
  readonly flow: number;
  /** What a subscriber's thread is told of it. */
  readonly message: MessageForm;
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly #idPrefix: string;
  #blocks: OutgoingBlocks | undefined;

  /**
   * @param idPrefix the id without its number, for blocks.
   * @throws RangeError for a content type that none may have.
   */
  constructor({ channel, publisher, contentType }: FormHead, idPrefix = '') {
    const parts = parsePid(publisher);
    if (parts === undefined) throw new TypeError(`"${publisher}" is not a pid`);
    const parents: readonly string[] = [];
    const head = { channel, publisher, timestamp: 0, parents, contentType };
    checkHead(head);
    this.channel = channel;
    this.publisher = publisher;
    this.contentType = contentType;
    this.flow = flowOfPid(publisher);
    this.message = formOf(head, idPrefix);
    this.#idPrefix = idPrefix;
    this.start = new ByteWriter().text(channel).u32(parts.thread).u48(parts.serial).take();
    this.end = new ByteWriter().u16(0).text('').text(contentType).take();
  }

  /** Those that it goes out in. */
  get blocks(): OutgoingBlocks {
    this.#blocks ??= new OutgoingBlocks(this.start, this.contentType, this.#idPrefix);
    return this.#blocks;
  }

  /** @param prefix the id without its number, in ASCII. */
  encode(prefix: Uint8Array, sequence: number, timestamp: number, payload: Uint8Array): FormedMessage {
    const { start, end } = this;
    const idAt = start.length + LENGTH_BYTES;
    const idEnd = idAt + prefix.length + digitsOf(sequence);
    const endAt = idEnd + TIMESTAMP_BYTES;
    const payloadAt = endAt + end.length;
    const bytes = Buffer.allocUnsafe(payloadAt + payload.length);
    bytes.set(start, 0);
    bytes[idAt - 2] = (idEnd - idAt) >>> 8;
    bytes[idAt - 1] = idEnd - idAt;
    bytes.set(prefix, idAt);
    for (let at = idEnd - 1, left = sequence; at >= idAt + prefix.length; at--) {
      const rest = Math.floor(left / 10);
      bytes[at] = ZERO + left - rest * 10;
      left = rest;
    }
    bytes.writeDoubleBE(timestamp, idEnd);
    bytes.set(end, endAt);
    bytes.set(payload, payloadAt);
    return new FormedMessage(this.message, bytes, idAt, idEnd, timestamp, payloadAt, bytes.length, true);
  }

  /** The publication, if it is one of this form and has nothing to be refused in its head. */
  read(bytes: Buffer): FormedMessage | undefined {
    const { start, end } = this;
    const idAt = start.length + LENGTH_BYTES;
    if (!isAt(bytes, 0, start) || bytes.length < idAt) return undefined;
    const idBytes = bytes.readUInt16BE(idAt - LENGTH_BYTES);
    const idEnd = idAt + idBytes;
    const endAt = idEnd + TIMESTAMP_BYTES;
    if (idBytes === 0 || idBytes > MAX_ID_BYTES || !isAt(bytes, endAt, end) || !isAscii(bytes, idAt, idEnd)) {
      return undefined;
    }
    const timestamp = bytes.readDoubleBE(idEnd);
    if (!Number.isFinite(timestamp)) return undefined;
    return new FormedMessage(this.message, bytes, idAt, idEnd, timestamp, endAt + end.length, bytes.length, false);
  }
}

/** Of the publishes of this node. */
export class OutgoingForms {
  /** By channel, and then by publisher and content type. */
  readonly #forms = new Map<string, Map<string, PublicationForm>>();
  readonly #idPrefix: string;
  #size = 0;
  /** Mostly the next publish is of the same form as the last. */
  #last: PublicationForm | undefined;

  /** @param idPrefix what the ids of this node begin with. */
  constructor(idPrefix: string) {
    this.#idPrefix = idPrefix;
  }

  /** @throws RangeError for a content type that none may have. */
  get(channel: string, publisher: Pid, contentType: string): PublicationForm {
    const last = this.#last;
    if (last?.publisher === publisher && last.channel === channel && last.contentType === contentType) return last;
    // No pid has a space in it.
    const key = contentType === DEFAULT_CONTENT_TYPE ? publisher : `${publisher} ${contentType}`;
    let form = this.#forms.get(channel)?.get(key);
    if (form === undefined) {
      form = new PublicationForm({ channel, publisher, contentType }, this.#idPrefix);
      this.#remember(key, form);
    }
    this.#last = form;
    return form;
  }

  #remember(key: string, form: PublicationForm): void {
    if (this.#size === MAX_REMEMBERED) {
      this.#forms.clear();
      this.#size = 0;
    }
    const ofChannel = this.#forms.get(form.channel) ?? new Map<string, PublicationForm>();
    ofChannel.set(key, form);
    this.#forms.set(form.channel, ofChannel);
    this.#size++;
  }
}

/** Of the publications of peers; those of one life of a node are never taken for another's. */
export class IncomingForms {
  readonly #forms = new WeakMap<NodeLife, Map<string, PublicationForm>>();
  #lastSource: NodeLife | undefined;
  #last: PublicationForm | undefined;

  /** The form of the publication, if one like it was learned; it may be another's all the same, which `read` shows. */
  find(source: NodeLife, bytes: Buffer): PublicationForm | undefined {
    if (source === this.#lastSource && this.#last !== undefined && isAt(bytes, 0, this.#last.start)) return this.#last;
    const key = keyOf(bytes);
    const form = key === undefined ? undefined : this.#forms.get(source)?.get(key);
    if (form === undefined) return undefined;
    this.#lastSource = source;
    this.#last = form;
    return form;
  }

  /**
   * Of one content type for each publisher and channel: others go on by the long way.
   * @param head of a publication that was read that way.
   */
  learn(source: NodeLife, bytes: Buffer, head: EnvelopeHead): void {
    const key = keyOf(bytes);
    if (key === undefined || head.parents.length > 0 || head.trace !== undefined) return;
    let forms = this.#forms.get(source);
    if (forms === undefined || forms.size >= MAX_REMEMBERED) {
      forms = new Map();
      this.#forms.set(source, forms);
    }
    if (!forms.has(key)) forms.set(key, new PublicationForm(head));
  }
}

const ZERO = 48;

function digitsOf(number: number): number {
  let digits = 1;
  for (let left = number; left >= 10; left = Math.floor(left / 10)) digits++;
  return digits;
}

/** Channel and publisher, as they stand in the bytes. */
function keyOf(bytes: Buffer): string | undefined {
  if (bytes.length < LENGTH_BYTES) return undefined;
  const end = LENGTH_BYTES + bytes.readUInt16BE(0) + PUBLISHER_BYTES;
  return end > bytes.length ? undefined : bytes.toString('latin1', 0, end);
}

/** Whether those bytes stand there. A loop, because comparing so few by a call takes longer. */
function isAt(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  if (at + expected.length > bytes.length) return false;
  for (let index = 0; index < expected.length; index++) if (bytes[at + index] !== expected[index]) return false;
  return true;
}

function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  let bits = 0;
  for (let at = start; at < end; at++) bits |= bytes[at] as number;
  return bits < 0x80;
}
