/**
 * A value as a short text for people, whatever its size: it reads no more of the value than it shows, runs none of its code
 * and never throws. Messages of one thread need not be portable in production, so it takes any value.
 */

import { describeReason, type ExitReason, isFailure } from '../exit-reason.js';

/** A preview has at most so many characters, the `…` for what was left out included. */
export const MAX_PREVIEW_CHARS = 200;

/** Deeper objects are shown by their kind alone. */
const MAX_DEPTH = 4;

const MAX_SHOWN_BIGINT = 10n ** 30n;

/** `value` in the manner of a JavaScript literal, cut at {@link MAX_PREVIEW_CHARS}. */
export function preview(value: unknown): string {
  const shown = new Preview();
  try {
    shown.add(value, 0);
  } catch {
    // A proxy, or a prototype that cannot be read.
    return '(cannot be shown)';
  }
  return shorten(shown.text);
}

/** Why a process ended, in the same length: a name or an error's message as it is, anything else as a preview. */
export function previewReason(reason: ExitReason): string {
  return typeof reason === 'string' || isFailure(reason) ? shorten(describeReason(reason)) : preview(reason);
}

function shorten(text: string): string {
  return (text.length > MAX_PREVIEW_CHARS ? `${text.slice(0, MAX_PREVIEW_CHARS - 1)}…` : text).toWellFormed();
}

class Preview {
  text = '';

  get #left(): number {
    return MAX_PREVIEW_CHARS + 1 - this.text.length;
  }

  add(value: unknown, depth: number): void {
    switch (typeof value) {
      case 'string':
        this.text += JSON.stringify(this.#cut(value));
        break;
      case 'bigint':
        // Its digits could be millions, which take seconds to write down.
        this.text += value > MAX_SHOWN_BIGINT || value < -MAX_SHOWN_BIGINT ? '(a large bigint)' : `${value}n`;
        break;
      case 'function':
        this.text += '(a function)';
        break;
      case 'object':
        if (value === null) this.text += 'null';
        else this.#object(value, depth);
        break;
      default:
        this.text += Object.is(value, -0) ? '-0' : String(value);
    }
  }

  #object(value: object, depth: number): void {
    const show = (item: unknown): void => this.add(item, depth + 1);
    if (Array.isArray(value)) this.#items('[', value, ']', depth, show);
    else if (value instanceof Set) this.#items(`Set(${value.size}) {`, value, '}', depth, show);
    else if (value instanceof Map) {
      this.#items(`Map(${value.size}) {`, value, '}', depth, ([key, item]) => {
        show(key);
        this.text += ' => ';
        show(item);
      });
    } else if (value instanceof Error)
      this.text += `${this.#ownText(value, 'name') ?? value.constructor.name}: ${this.#ownText(value, 'message') ?? ''}`;
    else if (value instanceof Date) this.text += dateText(value);
    else if (value instanceof RegExp) this.text += this.#cut(String(value));
    else if (value instanceof ArrayBuffer) this.text += `ArrayBuffer(${value.byteLength} bytes)`;
    else if (ArrayBuffer.isView(value)) this.text += `${value.constructor.name}(${value.byteLength} bytes)`;
    else this.#properties(value, depth);
  }

  #properties(value: object, depth: number): void {
    this.#items('{', Object.keys(value), '}', depth, (key) => {
      this.text += /^[\w$]{1,64}$/.test(key) ? `${key}: ` : `${JSON.stringify(this.#cut(key))}: `;
      const property = Object.getOwnPropertyDescriptor(value, key);
      if (property !== undefined && 'value' in property) this.add(property.value, depth + 1);
      else this.text += '(a getter)';
    });
  }

  #items<T>(open: string, items: Iterable<T>, close: string, depth: number, show: (item: T) => void): void {
    this.text += open;
    let first = true;
    for (const item of items) {
      if (this.#left <= 0) return;
      if (first && depth >= MAX_DEPTH) {
        this.text += `…${close}`;
        return;
      }
      this.text += first ? (close === '}' ? ' ' : '') : ', ';
      first = false;
      show(item);
    }
    this.text += first || close === ']' ? close : ` ${close}`;
  }

  /** A property that is text, without running a getter. */
  #ownText(value: object, key: string): string | undefined {
    const text: unknown = Object.getOwnPropertyDescriptor(value, key)?.value;
    return typeof text === 'string' ? this.#cut(text) : undefined;
  }

  #cut(text: string): string {
    return text.slice(0, Math.max(0, this.#left));
  }
}

function dateText(date: Date): string {
  const time = Date.prototype.getTime.call(date);
  return Number.isNaN(time) ? 'an invalid Date' : Date.prototype.toISOString.call(date);
}
