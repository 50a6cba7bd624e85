/**
 * One message for many receivers: encoded at most once, for the threads that need bytes, and decoded at most
 * once, for the receivers in this thread.
 */
import { type AnyBytes, JoinedBytes, join } from './long-bytes.js';
import { freezeMessage } from './portable.js';
import { decodeUntrusted, decodeValue, encodeValue } from './value-codec.js';

export class SharedMessage {
  #value: unknown;
  #hasValue: boolean;
  #bytes: AnyBytes | undefined;
  /** False for bytes that came from a peer: they are checked before they are decoded. */
  readonly trusted: boolean;

  private constructor(value: unknown, hasValue: boolean, bytes: AnyBytes | undefined, trusted: boolean) {
    this.#value = value;
    this.#hasValue = hasValue;
    this.#bytes = bytes;
    this.trusted = trusted;
  }

  static ofValue(value: unknown): SharedMessage {
    return new SharedMessage(value, true, undefined, true);
  }

  /** Both forms, for a caller that has them. */
  static ofBoth(value: unknown, bytes: Uint8Array): SharedMessage {
    return new SharedMessage(value, true, bytes, true);
  }

  static ofBytes(bytes: Uint8Array, trusted: boolean): SharedMessage {
    return new SharedMessage(undefined, false, bytes, trusted);
  }

  /**
   * An object of which the bytes of the last value, `tail`, are long and not copied.
   * @param head its bytes up to there, made by this node.
   */
  static ofParts(head: Uint8Array, tail: Uint8Array, trusted: boolean): SharedMessage {
    return new SharedMessage(undefined, false, join(head, tail), trusted);
  }

  get bytes(): AnyBytes {
    this.#bytes ??= encodeValue(this.#value);
    return this.#bytes;
  }

  /** Size in bytes where it is known without encoding, else 0. */
  get knownBytes(): number {
    return this.#bytes?.length ?? 0;
  }

  /** @throws ProtocolError where untrusted bytes are not a portable value. */
  get value(): unknown {
    if (!this.#hasValue) {
      this.#value = freezeMessage(decodeParts(this.bytes, this.trusted ? decodeValue : decodeUntrusted));
      this.#hasValue = true;
    }
    return this.#value;
  }
}

const NULL = encodeValue(null);

function decodeParts(bytes: AnyBytes, decode: (bytes: Uint8Array) => unknown): unknown {
  if (!(bytes instanceof JoinedBytes)) return decode(bytes);
  const object = decodeValue(Buffer.concat([bytes.head, NULL])) as Record<string, unknown>;
  const key = Object.keys(object).at(-1) as string;
  object[key] = decode(bytes.tail);
  return object;
}
