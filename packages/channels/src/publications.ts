/**
 * Publications as they come and go: what is plain and not long by its form (`publication-form.ts`), the rest in full
 * (`publication.ts`).
 */
import {
  type AnyBytes,
  type Environment,
  type FormedMessage,
  flowOfPid,
  LONG_BYTES,
  type Multicast,
  type NodeLife,
  type NodeName,
  type Pid,
  type SharedMessage,
} from '@liminal-node/scheduler';
import type { EnvelopeHead } from './envelope.js';
import type { Publication } from './observer.js';
import { checkHead, decodePublication, joinPublication, sharedEnvelope } from './publication.js';
import { DEFAULT_CONTENT_TYPE, IncomingForms, OutgoingForms, type PublicationForm } from './publication-form.js';
import type { PublishOptions } from './receipt.js';

/** One for local subscribers as well. */
export interface OutgoingPublication extends Publication {
  /** What local subscribers are given; made when it is asked for. */
  readonly message: Multicast;
}

/** Makes the publications of this node, and their ids. */
export class PublicationWriter {
  readonly #forms = new OutgoingForms();
  readonly #environment: Environment;
  readonly #idPrefix: string;
  readonly #prefixBytes: Uint8Array;
  #sequence = 0;

  constructor({ node, creation }: { readonly node: NodeName; readonly creation: number }, environment: Environment) {
    this.#environment = environment;
    this.#idPrefix = `${node}/${creation.toString(36)}/`;
    // A node's name is ASCII.
    this.#prefixBytes = Buffer.from(this.#idPrefix, 'latin1');
  }

  /** @throws RangeError for parents, a trace and a content type that would not arrive. */
  publication(channel: string, payload: Uint8Array, options: PublishOptions, publisher: Pid): OutgoingPublication {
    const { parents = [], contentType = DEFAULT_CONTENT_TYPE, trace = '' } = options;
    const timestamp = this.#environment.wallNow();
    if (parents.length === 0 && trace === '' && payload.length < LONG_BYTES) {
      const form = this.#forms.get(channel, publisher, contentType);
      return new PlainPublication(form, this.#prefixBytes, this.#sequence++, timestamp, payload);
    }
    const id = this.#idPrefix + this.#sequence;
    // As on the wire, where an empty trace is none.
    const head = { id, channel, publisher, timestamp, parents, ...(trace !== '' && { trace }), contentType };
    checkHead(head);
    this.#sequence++;
    return new FullPublication(head, payload);
  }
}

class PlainPublication implements OutgoingPublication {
  readonly #form: PublicationForm;
  readonly #prefix: Uint8Array;
  readonly #sequence: number;
  readonly #timestamp: number;
  readonly #payload: Uint8Array;
  #message: FormedMessage | undefined;

  constructor(form: PublicationForm, prefix: Uint8Array, sequence: number, timestamp: number, payload: Uint8Array) {
    this.#form = form;
    this.#prefix = prefix;
    this.#sequence = sequence;
    this.#timestamp = timestamp;
    this.#payload = payload;
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
    this.#message ??= this.#form.encode(this.#prefix, this.#sequence, this.#timestamp, this.#payload);
    return this.#message;
  }

  encode(): Uint8Array {
    return this.message.bytes;
  }
}

class FullPublication implements OutgoingPublication {
  readonly #head: EnvelopeHead;
  readonly #payload: Uint8Array;
  #bytes: AnyBytes | undefined;

  constructor(head: EnvelopeHead, payload: Uint8Array) {
    this.#head = head;
    this.#payload = payload;
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
    return sharedEnvelope(this.#head, this.#payload, true);
  }

  encode(): AnyBytes {
    this.#bytes ??= joinPublication(this.#head, this.#payload);
    return this.#bytes;
  }
}

/** Reads the publications of peers. */
export class PublicationReader {
  readonly #forms = new IncomingForms();

  /**
   * The payload is not decoded, and refers to `bytes`.
   * @throws ProtocolError
   */
  read(source: NodeLife, bytes: Uint8Array): { readonly channel: string; readonly message: Multicast } {
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
