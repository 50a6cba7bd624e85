/**
 * Messages that differ in little: objects that have all fields in common but a text, a number and a value. What they have
 * in common, a thread is told once; of each message it is sent what is the message's own.
 *
 * An envelope of 100 bytes costs its subscriber's thread a third of the CPU that it costs as a value of its own, and who
 * passes it on half.
 */
import { freezeMessage } from './portable.js';
import { decodeUntrusted, decodeValue } from './value-codec.js';

/** Names of the fields that are each message's own. */
export interface OwnFields {
  readonly text: string;
  readonly number: string;
  readonly value: string;
}

/** What a thread is told of a form; portable. */
export interface FormDefinition {
  /** In their order, the own ones included, whose values here mean nothing. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly own: OwnFields;
  /** What the texts of messages in blocks begin with; see `formed-block.ts`. */
  readonly prefix?: string;
}

type Make = (common: readonly unknown[], text: string, number: number, value: unknown) => object;

export class MessageForm {
  readonly definition: FormDefinition;
  readonly #common: readonly unknown[];
  readonly #make: Make;

  constructor(definition: FormDefinition) {
    const { fields, own } = freezeMessage(definition);
    this.definition = definition;
    this.#common = Object.values(fields);
    this.#make = makerOf(Object.keys(fields), own);
  }

  /** A frozen object, if the value is one. */
  make(text: string, number: number, value: unknown): object {
    return Object.freeze(this.#make(this.#common, text, number, value));
  }
}

/** One message of a form, as bytes that hold its text and its value. */
export class FormedMessage {
  readonly form: MessageForm;
  readonly bytes: Buffer;
  readonly textAt: number;
  readonly textEnd: number;
  readonly number: number;
  readonly valueAt: number;
  readonly valueEnd: number;
  /** False for a value that came from a peer: it is checked before it is decoded. */
  readonly trusted: boolean;
  #value: object | undefined;

  /** @param textAt where the text begins in `bytes`, which is ASCII. */
  constructor(
    form: MessageForm,
    bytes: Buffer,
    textAt: number,
    textEnd: number,
    number: number,
    valueAt: number,
    valueEnd: number,
    trusted: boolean,
  ) {
    this.form = form;
    this.bytes = bytes;
    this.textAt = textAt;
    this.textEnd = textEnd;
    this.number = number;
    this.valueAt = valueAt;
    this.valueEnd = valueEnd;
    this.trusted = trusted;
  }

  /** Size of what is its own, in bytes. */
  get knownBytes(): number {
    return this.textEnd - this.textAt + this.valueEnd - this.valueAt;
  }

  /** The same frozen object each time. @throws ProtocolError where untrusted bytes are not a portable value. */
  get value(): unknown {
    if (this.#value === undefined) {
      const { bytes, textAt, textEnd, number, trusted } = this;
      const encoded = bytes.subarray(this.valueAt, this.valueEnd);
      const value = freezeMessage(trusted ? decodeValue(encoded) : decodeUntrusted(encoded));
      this.#value = this.form.make(bytes.toString('latin1', textAt, textEnd), number, value);
    }
    return this.#value;
  }
}

/** By names of fields: forms with the same ones share the code that makes their messages. */
const makers = new Map<string, Make>();

/** Forms are of this program's own code, which has few kinds of them. */
const MAX_MAKERS = 100;

function makerOf(keys: readonly string[], own: OwnFields): Make {
  const name = JSON.stringify([keys, own]);
  const known = makers.get(name);
  if (known !== undefined) return known;
  const make = compile(keys, own) ?? generic(keys, own);
  if (makers.size < MAX_MAKERS) makers.set(name, make);
  return make;
}

/** An object literal is fifteen times faster than a copy with stores by key. Undefined where code from strings is forbidden. */
function compile(keys: readonly string[], { text, number, value }: OwnFields): Make | undefined {
  const parameters = new Map([
    [text, 'text'],
    [number, 'number'],
    [value, 'value'],
  ]);
  const fields = keys.map((key, at) => `${JSON.stringify(key)}: ${parameters.get(key) ?? `common[${at}]`}`);
  try {
    return new Function('common', 'text', 'number', 'value', `return { ${fields.join(', ')} };`) as Make;
  } catch {
    return undefined;
  }
}

function generic(keys: readonly string[], own: OwnFields): Make {
  return (common, text, number, value) => {
    const message: Record<string, unknown> = {};
    for (const [at, key] of keys.entries()) message[key] = common[at];
    message[own.text] = text;
    message[own.number] = number;
    message[own.value] = value;
    return message;
  };
}
