/**
 * Publications of one publisher on one channel that travel as one frame: what is published while the last one still waits
 * to be written goes with it.
 *
 *   text channel | u32 thread, u48 serial of the publisher | text content type | text that every id begins with |
 *   messages, as in `formed-block.ts`: the number that the id ends with, the timestamp, the payload
 *
 * 1. A publication is written behind the last one of its publisher and channel, if whoever carries that block to other nodes
 *    (`BlockCarrier`) can take one more; else it begins a block.
 * 2. The carrier is told with the publish itself, so that its receipt is that of a publication by itself.
 * 3. What has parents or a trace, waits for room, or is longer than a block may be, is no part of one (`publications.ts`).
 *
 * The payload is written as it is, without a codec of its own in between, unless somebody needs it encoded by itself.
 */
import {
  ByteReader,
  ByteWriter,
  FormedBlock,
  FormedBlockWriter,
  formatPid,
  MessageForm,
  type NodeLife,
  ProtocolError,
} from '@liminal-node/scheduler';
import { MAX_CHANNEL_BYTES } from './envelope.js';
import { formOf, MAX_CONTENT_TYPE_BYTES, MAX_ID_BYTES } from './publication.js';

/** Heads that are remembered of each peer; one more, and the memory starts afresh. */
const MAX_HEADS = 1_000;

/** The longest number at the end of an id. */
const MAX_NUMBER_BYTES = 15;

/** A block is no longer than this, in bytes: below the least that a node may be limited to. */
export const MAX_BLOCK_BYTES = 16 * 1_024;

/** Who takes a block to other nodes. */
export interface BlockCarrier {
  /** Whether another publication would reach the same nodes in the same frames, behind all that its publisher has sent. */
  readonly mayGrow: boolean;
}

/** What is published together. */
export class PublicationBlock {
  /** Of the first publication on, where the block may grow. */
  carrier: BlockCarrier | undefined;
  /** Whether somebody keeps it, so that its memory cannot be used again. */
  isKept = false;
  readonly #bytes: ByteWriter;

  constructor(bytes: ByteWriter) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  upTo(end: number): Uint8Array {
    return this.#bytes.room(end, 0).subarray(0, end);
  }
}

/** The blocks of one publisher on one channel. */
export class OutgoingBlocks {
  readonly #head: Uint8Array;
  readonly #writer = new FormedBlockWriter();
  #bytes = new ByteWriter();
  #block: PublicationBlock | undefined;

  constructor(start: Uint8Array, contentType: string, idPrefix: string) {
    this.#head = new ByteWriter().raw(start).text(contentType).text(idPrefix).take();
  }

  /** @returns the block that ends with it; undefined where it is one for `encodeValue`. */
  add(sequence: number, timestamp: number, payload: unknown): PublicationBlock | undefined {
    return this.#add((bytes) => this.#writer.add(bytes, sequence, timestamp, payload, MAX_BLOCK_BYTES));
  }

  /** As `add`, of a payload that was encoded by itself. */
  addEncoded(sequence: number, timestamp: number, payload: Uint8Array): PublicationBlock | undefined {
    return this.#add((bytes) => this.#writer.addEncoded(bytes, sequence, timestamp, payload, MAX_BLOCK_BYTES));
  }

  #add(write: (bytes: ByteWriter) => boolean): PublicationBlock | undefined {
    // A getter in a payload publishes: that is not part of the block which is being written.
    if (this.#writer.isWriting) return undefined;
    const open = this.#block;
    if (open?.carrier?.mayGrow === true) {
      if (write(this.#bytes)) return open;
      open.carrier = undefined;
    }
    const block = this.#begin();
    return write(this.#bytes) ? block : undefined;
  }

  #begin(): PublicationBlock {
    if (this.#block?.isKept === true) this.#bytes = new ByteWriter();
    this.#bytes.setLength(0);
    this.#bytes.raw(this.#head);
    this.#writer.restart();
    this.#block = new PublicationBlock(this.#bytes);
    return this.#block;
  }
}

/** What the publications of a block have in common. */
interface BlockHead {
  readonly channel: string;
  readonly form: MessageForm;
  /** As it stands in the bytes. */
  readonly bytes: Buffer;
}

/** The blocks of peers; what is known of one life of a node is never taken for another's. */
export class IncomingBlocks {
  readonly #heads = new WeakMap<NodeLife, Map<string, BlockHead>>();
  #lastSource: NodeLife | undefined;
  /** Mostly the next block has the head of the last. */
  #last: BlockHead | undefined;

  /**
   * Payloads are not decoded, and refer to `body`.
   * @throws ProtocolError
   */
  read(source: NodeLife, body: Uint8Array): { readonly channel: string; readonly message: FormedBlock } {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    const { channel, form, bytes: head } = this.#headOf(source, bytes);
    return { channel, message: new FormedBlock(form, bytes, head.length) };
  }

  #headOf(source: NodeLife, bytes: Buffer): BlockHead {
    const last = this.#last;
    if (last !== undefined && source === this.#lastSource && startsWith(bytes, last.bytes)) return last;
    const head = this.#remembered(source, bytes);
    this.#lastSource = source;
    this.#last = head;
    return head;
  }

  #remembered(source: NodeLife, bytes: Buffer): BlockHead {
    const key = bytes.toString('latin1', 0, endOfHead(bytes));
    let heads = this.#heads.get(source);
    const known = heads?.get(key);
    if (known !== undefined) return known;
    const head = readHead(source, bytes);
    if (heads === undefined || heads.size >= MAX_HEADS) {
      heads = new Map();
      this.#heads.set(source, heads);
    }
    heads.set(key, head);
    return head;
  }
}

/** How many publications are in a block. @throws ProtocolError */
export function publicationsIn(body: Uint8Array): number {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return new FormedBlock(NO_FORM, bytes, endOfHead(bytes)).count;
}

const NO_FORM = new MessageForm({ fields: {}, own: { text: '', number: '', value: '' } });

function readHead(source: NodeLife, bytes: Buffer): BlockHead {
  const reader = new ByteReader(bytes);
  const channel = reader.text(MAX_CHANNEL_BYTES);
  const publisher = formatPid({ ...source, thread: reader.u32(), serial: reader.u48() });
  const contentType = reader.text(MAX_CONTENT_TYPE_BYTES);
  const prefix = reader.text(MAX_ID_BYTES - MAX_NUMBER_BYTES);
  if (channel === '' || prefix === '') throw new ProtocolError('bad envelope');
  const head = Buffer.from(bytes.subarray(0, bytes.length - reader.left));
  return { channel, form: formOf({ channel, publisher, contentType }, prefix), bytes: head };
}

/** Checks no more than that it ends within the bytes. @throws ProtocolError */
function endOfHead(bytes: Buffer): number {
  const reader = new ByteReader(bytes);
  reader.raw(reader.u16());
  reader.raw(PUBLISHER_BYTES);
  reader.raw(reader.u16());
  reader.raw(reader.u16());
  return bytes.length - reader.left;
}

/** Thread and serial. */
const PUBLISHER_BYTES = 10;

/** A loop, because comparing so few by a call takes longer. */
function startsWith(bytes: Uint8Array, head: Uint8Array): boolean {
  if (bytes.length < head.length) return false;
  for (let at = 0; at < head.length; at++) if (bytes[at] !== head[at]) return false;
  return true;
}
