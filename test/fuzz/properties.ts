/**
 * What must hold for any input of any decoder:
 *
 *   1. it is taken, or refused with a `ProtocolError`; nothing else is thrown, and nothing crashes;
 *   2. it takes at most 16 bytes of memory for each of its own and 64 KiB (a decoder may say more, and why);
 *   3. it takes at most 2 ms of CPU for each KiB begun, and 20 ms;
 *   4. no prototype is changed.
 *
 * Memory is all that is taken until the decoder returns, garbage and errors included. Both measures are coarse:
 * collectors and compilers work in between. So an input that seems to take too much is measured again and again, and
 * what it takes at least counts.
 */
import { getHeapStatistics } from 'node:v8';

export interface Checked {
  /** @throws ProtocolError and nothing else */
  readonly decode: (bytes: Buffer) => unknown;
  /** What else must hold of what was decoded. Throws nothing; what it takes is not measured. */
  readonly verify?: (decoded: never) => void;
  /** Bytes of memory that a byte of input may take. @default 16 */
  readonly memoryPerByte?: number;
}

const MEMORY_SLACK_BYTES = 64 * 1_024;
const MS_PER_KIB = 2;
const SLACK_MS = 20;
const MEASURED_AGAIN = 8;

export interface Outcome {
  readonly taken: boolean;
  /** What was broken, as a sentence; undefined where everything held. */
  readonly violation: string | undefined;
}

/** What an input does to a decoder. */
export function outcomeOf(checked: Checked, input: Buffer): Outcome {
  const heapBefore = memoryTaken();
  const startedAt = performance.now();
  const { taken, violation, decoded } = attempt(checked, input);
  const tookMs = performance.now() - startedAt;
  const tookBytes = memoryTaken() - heapBefore;
  if (violation !== undefined) return { taken, violation };
  if (taken && checked.verify !== undefined) {
    try {
      checked.verify(decoded as never);
    } catch (error) {
      return { taken, violation: `was taken, but: ${described(error)}` };
    }
  }
  const maxMs = MS_PER_KIB * Math.ceil(input.length / 1_024) + SLACK_MS;
  const maxBytes = (checked.memoryPerByte ?? 16) * input.length + MEMORY_SLACK_BYTES;
  if (tookMs > maxMs) {
    const least = leastOf(maxMs, () => cpuMsOf(checked, input));
    if (least > maxMs) return { taken, violation: `took ${least} ms of CPU; at most ${maxMs}` };
  }
  if (tookBytes > maxBytes) {
    const least = leastOf(maxBytes, () => memoryOf(checked, input));
    if (least > maxBytes) return { taken, violation: `took ${least} bytes of memory; at most ${maxBytes}` };
  }
  return { taken, violation: undefined };
}

function attempt({ decode }: Checked, input: Buffer): Outcome & { readonly decoded?: unknown } {
  // Decoders may keep a view of what they are given, and must not change it.
  const copy = Buffer.from(input);
  try {
    const decoded = decode(copy);
    return { taken: true, violation: input.equals(copy) ? undefined : 'changed its input', decoded };
  } catch (error) {
    return { taken: false, violation: isProtocolError(error) ? undefined : `threw ${described(error)}` };
  }
}

function described(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** By its code: packages that are loaded twice have two classes. */
function isProtocolError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_LIMINAL_PROTOCOL';
}

/** The least of several measures, or the first that is not too much. */
function leastOf(most: number, measure: () => number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let left = MEASURED_AGAIN; left > 0 && least > most; left--) least = Math.min(least, measure());
  return least;
}

function cpuMsOf(checked: Checked, input: Buffer): number {
  const before = process.cpuUsage();
  attempt(checked, input);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

function memoryOf(checked: Checked, input: Buffer): number {
  const before = memoryTaken();
  attempt(checked, input);
  return memoryTaken() - before;
}

function memoryTaken(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

const PROTOTYPES = [Object, Array, Map, Set, Function, String, Number, Date, RegExp, Error, Uint8Array, Promise].map(
  ({ prototype }) => prototype as object,
);

/** A text that changes when somebody adds to a prototype, removes from it, or exchanges a function of it. */
export function prototypes(): string {
  return PROTOTYPES.map((prototype) =>
    Reflect.ownKeys(prototype)
      .map((key) => `${String(key)}:${typeof Object.getOwnPropertyDescriptor(prototype, key)?.value}`)
      .join(),
  ).join('\n');
}
