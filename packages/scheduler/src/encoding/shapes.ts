/**
 * Shapes: the keys of plain objects, told once in a stream of values and named by a number afterwards.
 *
 * Both ends number the shapes in the order in which they are defined, which is the order of the bytes, so they
 * are in step as long as every byte arrives. What was defined by bytes that are not sent after all is taken
 * back with `undefineFrom`. A full table is forgotten at both ends and starts afresh. Forgetting makes numbers
 * void and keeps what both ends know for themselves: the tree at the writing end, the code that makes objects at
 * the reading end.
 */
import { ProtocolError } from '../errors.js';
import { faultOfKey } from './portable.js';

/** Shapes that a table holds at most: a few hundred kilobytes. */
export const MAX_SHAPES = 1_000;

/** What one value may define, even where that is more: the numbers have 16 bits. */
export const MAX_STREAM_SHAPES = 65_536;

/** A tree that has grown beyond this is planted anew when it is cleared. */
const MAX_NODES = 10_000;

/** Objects of more keys than this are tables rather than records, and have no shape. */
export const MAX_SHAPE_KEYS = 64;

/** A place in the tree of key sequences; `id` counts where a shape ends in the current era of the tree. */
export class ShapeNode {
  id = 0;
  era = 0;
  /** The child that was followed last, and its key: a sender mostly sends the same shape again. */
  lastKey: string | undefined;
  last: ShapeNode | undefined;
  #children: Map<string, ShapeNode> | undefined;

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
  #nodes = 0;
  #era = 1;
  readonly #defined: ShapeNode[] = [];

  get root(): ShapeNode {
    return this.#root;
  }

  /** Shapes defined so far, and the number of the next one. */
  get count(): number {
    return this.#defined.length;
  }

  /** Whether a shape ends there. */
  has(node: ShapeNode): boolean {
    return node.era === this.#era;
  }

  /** @returns false where these keys cannot be a shape: the object then needs another codec, or is refused. */
  define(keys: readonly string[]): boolean {
    if (keys.length > MAX_SHAPE_KEYS || !keys.every(isPlainKey) || this.count >= MAX_STREAM_SHAPES) return false;
    let node = this.#root;
    for (const key of keys) node = node.grow(key);
    this.#nodes += keys.length;
    node.id = this.#defined.length;
    node.era = this.#era;
    this.#defined.push(node);
    return true;
  }

  /** Takes back every shape from number `count` on. */
  undefineFrom(count: number): void {
    if (count < this.#defined.length) for (const node of this.#defined.splice(count)) node.era = 0;
  }

  clear(): void {
    this.#era++;
    this.#defined.length = 0;
    if (this.#nodes < MAX_NODES) return;
    this.#root = new ShapeNode();
    this.#nodes = 0;
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

  get size(): number {
    return this.#keys.length;
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

/** Definitions longer than this are not remembered. */
const MAX_KNOWN_BYTES = 1_024;

/** What the reading end knows of shapes, by the bytes that define them. */
export class ShapeCache {
  readonly #shapes = new Map<string, Shape>();
  /** The definition that was asked for last: mostly it is asked for again. */
  #lastText = '';
  #last: Shape | undefined;

  get(keys: number, definition: string): Shape | undefined {
    if (definition !== this.#lastText) {
      this.#last = this.#shapes.get(definition);
      this.#lastText = definition;
    }
    return this.#last?.size === keys ? this.#last : undefined;
  }

  /** @throws ProtocolError for keys that no shape has. */
  add(definition: string, keys: readonly string[]): Shape {
    if (keys.length > MAX_SHAPE_KEYS || !keys.every(isPlainKey)) throw new ProtocolError('bad shape');
    const shape = new Shape(keys);
    if (definition.length > MAX_KNOWN_BYTES) return shape;
    if (this.#shapes.size >= MAX_SHAPES) this.#shapes.clear();
    this.#shapes.set(definition, shape);
    this.#lastText = definition;
    this.#last = shape;
    return shape;
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
