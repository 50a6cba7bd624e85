/**
 * Publications as they come and go: what is plain and not long by its form (`publication-form.ts`), the rest in full
 * (`publication.ts`).
 */
import {
  type AnyBytes,
  type Environment,
  encodeValue,
  type FormedBlock,
  type FormedMessage,
  flowOfPid,
  type LentBytes,
  LONG_BYTES,
  type Loan,
  type NodeLife,
  type NodeName,
  type Pid,
  type SharedMessage,
} from '@liminal-node/scheduler';
import type { EnvelopeHead } from './envelope.js';
import type { Publication } from './observer.js';
import { checkHead, decodePublication, joinPublication, sharedEnvelope } from './publication.js';
import { IncomingBlocks, type PublicationBlock } from './publication-block.js';
import { DEFAULT_CONTENT_TYPE, IncomingForms, OutgoingForms, type PublicationForm } from './publication-form.js';
import type { PublishOptions } from './receipt.js';

/** One for local subscribers as well. */
export interface OutgoingPublication extends Publication {
  /** What local subscribers are given; made when it is asked for. */
  readonly message: SharedMessage | FormedMessage;
}

/** Makes the publications of this node, and their ids. */
export class PublicationWriter {
  readonly #forms: OutgoingForms;
  readonly #environment: Environment;
  readonly #idPrefix: string;
  readonly #prefixBytes: Uint8Array;
  #sequence = 0;

  constructor({ node, creation }: { readonly node: NodeName; readonly creation: number }, environment: Environment) {
    this.#environment = environment;
    this.#idPrefix = `${node}/${creation.toString(36)}/`;
    // A node's name is ASCII.
    this.#prefixBytes = Buffer.from(this.#idPrefix, 'latin1');
    this.#forms = new OutgoingForms(this.#idPrefix);
  }

  /**
   * A publication whose payload stands in a block alone, and is encoded by itself only where somebody needs that.
   * @returns undefined where it is one for `encodeValue` and `publication`.
   */
  inBlock(channel: string, payload: unknown, options: PublishOptions, publisher: Pid): OutgoingPublication | undefined {
    const { parents, contentType = DEFAULT_CONTENT_TYPE, trace = '', whenFull } = options;
    if ((parents !== undefined && parents.length > 0) || trace !== '' || whenFull === 'wait') return undefined;
    const form = this.#forms.get(channel, publisher, contentType);
    const timestamp = this.#environment.wallNow();
    const sequence = this.#sequence++;
    const block = form.blocks.add(sequence, timestamp, payload);
    if (block === undefined) return undefined;
    return new PlainPublication(form, this.#prefixBytes, sequence, timestamp, { payload, block });
  }

  /** @throws RangeError for parents, a trace and a content type that would not arrive. */
  publication(
    channel: string,
    { bytes: payload, loan }: LentBytes,
    options: PublishOptions,
    publisher: Pid,
  ): OutgoingPublication {
    const { parents = [], contentType = DEFAULT_CONTENT_TYPE, trace = '' } = options;
    const timestamp = this.#environment.wallNow();
    if (parents.length === 0 && trace === '' && payload.length < LONG_BYTES) {
      const form = this.#forms.get(channel, publisher, contentType);
      return new PlainPublication(form, this.#prefixBytes, this.#sequence++, timestamp, { encoded: payload });
    }
    const id = this.#idPrefix + this.#sequence;
    // As on the wire, where an empty trace is none.
    const head = { id, channel, publisher, timestamp, parents, ...(trace !== '' && { trace }), contentType };
    checkHead(head);
    this.#sequence++;
    return new FullPublication(head, payload, loan);
  }
}

/** The payload of a publication: encoded by itself, or in a block. */
type Content = { readonly encoded: Uint8Array } | { readonly payload: unknown; readonly block: PublicationBlock };

class PlainPublication implements OutgoingPublication {
  readonly #form: PublicationForm;
  readonly #prefix: Uint8Array;
  readonly #sequence: number;
  readonly #timestamp: number;
  readonly #content: Content;
  #message: FormedMessage | undefined;

  constructor(form: PublicationForm, prefix: Uint8Array, sequence: number, timestamp: number, content: Content) {
    this.#form = form;
    this.#prefix = prefix;
    this.#sequence = sequence;
    this.#timestamp = timestamp;
    this.#content = content;
  }

  get channel(): string {
    return this.#form.channel;
  }

  get publisher(): Pid {
    return this.#form.publisher;
  }

  get flow(): number {
    return this.#form.flow;
  }

  /** Its bytes are those for other nodes. */
  get message(): FormedMessage {
    if (this.#message === undefined) {
      const content = this.#content;
      const encoded = 'encoded' in content ? content.encoded : encodeValue(content.payload);
      this.#message = this.#form.encode(this.#prefix, this.#sequence, this.#timestamp, encoded);
    }
    return this.#message;
  }

  encode(): Uint8Array {
    return this.message.bytes;
  }

  /** To be asked once, and at once: another publication may be behind it in the block later. */
  block(): PublicationBlock | undefined {
    const content = this.#content;
    if ('block' in content) return content.block;
    return this.#form.blocks.addEncoded(this.#sequence, this.#timestamp, content.encoded);
  }
}

class FullPublication implements OutgoingPublication {
  readonly #head: EnvelopeHead;
  readonly #payload: Uint8Array;
  readonly #loan: Loan | undefined;
  #bytes: AnyBytes | undefined;

  constructor(head: EnvelopeHead, payload: Uint8Array, loan: Loan | undefined) {
    this.#head = head;
    this.#payload = payload;
    this.#loan = loan;
  }

  get channel(): string {
    return this.#head.channel;
  }

  get publisher(): Pid {
    return this.#head.publisher;
  }

  get flow(): number {
    return flowOfPid(this.#head.publisher);
  }

  get message(): SharedMessage {
    // Nobody says when the last of its receivers has decoded it.
    this.#loan?.hold();
    return sharedEnvelope(this.#head, this.#payload, true);
  }

  encode(): AnyBytes {
    this.#bytes ??= joinPublication(this.#head, this.#payload, this.#loan);
    return this.#bytes;
  }
}

/** Reads the publications of peers. */
export class PublicationReader {
  readonly #forms = new IncomingForms();
  readonly #blocks = new IncomingBlocks();

  /** Several; as `read`. */
  readBlock(source: NodeLife, bytes: Uint8Array): { readonly channel: string; readonly message: FormedBlock } {
    return this.#blocks.read(source, bytes);
  }

  /**
   * The payload is not decoded, and refers to `bytes`.
   * @throws ProtocolError
   */
  read(
    source: NodeLife,
    bytes: Uint8Array,
  ): {
    readonly channel: string;
    readonly message: SharedMessage | FormedMessage;
  } {
    const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const isLong = buffer.length >= LONG_BYTES;
    const form = isLong ? undefined : this.#forms.find(source, buffer);
    const message = form?.read(buffer);
    if (form !== undefined && message !== undefined) return { channel: form.channel, message };
    const { head, payload } = decodePublication(bytes, source);
    if (!isLong) this.#forms.learn(source, buffer, head);
    return { channel: head.channel, message: sharedEnvelope(head, payload, false) };
  }
}
