/**
 * Shapes: the keys of plain objects, told once on a way between two threads and named by a number afterwards.
 *
 * Both ends number the shapes in the order in which they are defined, which is the order of the bytes, so they
 * are in step as long as every byte arrives. What was defined by bytes that are not sent after all is taken
 * back with `undefineFrom`. A full table is forgotten at both ends and starts afresh.
 */
import { faultOfKey } from './portable.js';

/** Shapes that a table holds at most: a few hundred kilobytes. */
export const MAX_SHAPES = 1_000;

/** Objects of more keys than this are tables rather than records, and have no shape. */
export const MAX_SHAPE_KEYS = 64;

const NO_ID = -1;

/** A place in the tree of key sequences; `id` is set where a shape ends. */
export class ShapeNode {
  id = NO_ID;
  /** The child that was followed last, and its key: a sender mostly sends the same shape again. */
  lastKey: string | undefined;
  last: ShapeNode | undefined;
  #children: Map<string, ShapeNode> | undefined;

  get isDefined(): boolean {
    return this.id !== NO_ID;
  }

  undefine(): void {
    this.id = NO_ID;
  }

  /** The child for a key, or undefined where no shape has led there. */
  next(key: string): ShapeNode | undefined {
    if (this.lastKey === key) return this.last;
    const child = this.#children?.get(key);
    if (child !== undefined) {
      this.lastKey = key;
      this.last = child;
    }
    return child;
  }

  grow(key: string): ShapeNode {
    let child = this.next(key);
    if (child === undefined) {
      child = new ShapeNode();
      this.#children ??= new Map();
      this.#children.set(key, child);
      this.lastKey = key;
      this.last = child;
    }
    return child;
  }
}

/** The writing end. */
export class ShapeTree {
  #root = new ShapeNode();
  readonly #defined: ShapeNode[] = [];

  get root(): ShapeNode {
    return this.#root;
  }

  /** Shapes defined so far, and the number of the next one. */
  get count(): number {
    return this.#defined.length;
  }

  /** @returns false where these keys cannot be a shape: the object then needs another codec, or is refused. */
  define(keys: readonly string[]): boolean {
    if (keys.length > MAX_SHAPE_KEYS || !keys.every(isPlainKey)) return false;
    let node = this.#root;
    for (const key of keys) node = node.grow(key);
    node.id = this.#defined.length;
    this.#defined.push(node);
    return true;
  }

  /** Takes back every shape from number `count` on. */
  undefineFrom(count: number): void {
    for (const node of this.#defined.splice(count)) node.undefine();
  }

  clear(): void {
    this.#root = new ShapeNode();
    this.#defined.length = 0;
  }
}

/** Keys of digits make engines set memory aside; the portable set has its own way with them. */
function isPlainKey(key: string): boolean {
  return faultOfKey(key) === undefined && !/^\d+$/.test(key);
}

type Make = (next: () => unknown) => object;

/** Objects of one shape are made by code of their own from this many on: compiling costs as much as some dozens. */
const COMPILE_AFTER = 16;

/** The reading end's idea of a shape. */
export class Shape {
  readonly #keys: readonly string[];
  #made = 0;
  #make: Make | undefined;

  constructor(keys: readonly string[]) {
    this.#keys = keys;
  }

  /** A new object, each value of which is what `next` returns, in the order of the keys. */
  make(next: () => unknown): object {
    if (this.#make !== undefined) return this.#make(next);
    if (++this.#made === COMPILE_AFTER) this.#make = compile(this.#keys);
    const object: Record<string, unknown> = {};
    for (const key of this.#keys) object[key] = next();
    return object;
  }
}

/** An object literal is five times faster than stores by key. Undefined where code from strings is forbidden. */
function compile(keys: readonly string[]): Make | undefined {
  const fields = keys.map((key) => `${JSON.stringify(key)}: next()`);
  try {
    return new Function('next', `return { ${fields.join(', ')} };`) as Make;
  } catch {
    return undefined;
  }
}
