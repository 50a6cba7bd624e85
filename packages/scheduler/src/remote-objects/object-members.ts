/**
 * Which members of an object others reach: its own, and those that its classes define. Never `__proto__`,
 * `constructor` and `prototype`, nor what every object and function inherits from `Object` and `Function`, unless
 * a class redefines it. The same holds at every step of a path.
 *
 * A member with a symbol for a name, and a `#private` one, cannot be named by others; a TypeScript `private`
 * one can.
 *
 * Where the object, or what a path leads to, is a proxy of an object elsewhere, that object's side decides.
 */
import { isRemote } from './proxied.js';

type Holder = Record<string, unknown>;

const NEVER: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * What `path` leads to; undefined for a last member that is not there, as in JavaScript.
 * @throws TypeError for a member that others do not reach, and for one of undefined or null. Throws what a getter throws.
 */
export function read(object: unknown, path: readonly string[]): unknown {
  return path.reduce(readMember, object);
}

/** Calls the method that `path` leads to. Throws as {@link read}, what the method throws, and where it is no function. */
export function apply(object: unknown, path: readonly string[], args: readonly unknown[]): unknown {
  const holder = read(object, path.slice(0, -1));
  const method = read(holder, path.slice(-1));
  return Reflect.apply(requireFunction(method, path), holder, args);
}

/** Makes an instance of the class that `path` leads to. Throws as {@link apply}. */
export function construct(object: unknown, path: readonly string[], args: readonly unknown[]): unknown {
  return Reflect.construct(requireFunction(read(object, path), path), args);
}

/**
 * Assigns to an own property that is there already, or through a setter. Throws as {@link read}, what the setter
 * throws, and where there is nothing that can be assigned: others cannot add members, nor replace methods of a class.
 */
export function assign(object: unknown, path: readonly string[], value: unknown): void {
  const holder = read(object, path.slice(0, -1));
  const name = String(path.at(-1));
  if (!isRemote(holder)) {
    const owner = ownerOf(holder, name);
    const descriptor = owner && Object.getOwnPropertyDescriptor(owner, name);
    if (descriptor?.set === undefined && (owner !== holder || descriptor?.writable !== true)) {
      throw new TypeError(`"${name}" cannot be assigned from elsewhere`);
    }
  }
  Reflect.set(holder as object, name, value);
}

function readMember(holder: unknown, name: string): unknown {
  if (!isRemote(holder) && ownerOf(holder, name) === undefined) return undefined;
  return (holder as Holder)[name];
}

/** The object in the prototype chain of `holder` that defines a member; undefined where none does. */
function ownerOf(holder: unknown, name: string): object | undefined {
  if (holder === undefined || holder === null) throw new TypeError(`${holder} has no member "${name}"`);
  if (NEVER.has(name)) throw unreachable(name);
  for (let at: object | null = Object(holder) as object; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const isBase = at === Object.prototype || at === Function.prototype;
    if (!Object.hasOwn(at, name)) continue;
    if (isBase) throw unreachable(name);
    return at;
  }
  return undefined;
}

function requireFunction(value: unknown, path: readonly string[]): (...args: unknown[]) => unknown {
  if (typeof value === 'function') return value as (...args: unknown[]) => unknown;
  throw new TypeError(`${path.length === 0 ? 'the object' : `"${path.join('.')}"`} is not a function`);
}

function unreachable(name: string): TypeError {
  return new TypeError(`"${name}" is not a member that can be reached from elsewhere`);
}
