/**
 * The list of all processes, compact: a row has a fixed size in bytes, texts are named by number. A thread writes chunk
 * after chunk, hands the chunks over without a copy, and whoever has the list reads a row only when it is looked at.
 */
import type { ProcessDefinition } from '../definition.js';
import type { Pid } from '../pid.js';
import type { Process } from '../process.js';
import { PROCESS_STATUSES, type ProcessRow, type ProcessStatus, shortLabel, shortName } from './process-info.js';
import { type RowChunk, RowChunkWriter } from './row-chunks.js';
import { StringTable, textOf } from './string-table.js';

/** Where each field of a row is. */
const AT = {
  serial: 0,
  handled: 8,
  mailboxBytes: 16,
  ageMs: 24,
  messages: 32,
  dropped: 36,
  links: 40,
  monitors: 44,
  watchers: 48,
  current: 52,
  label: 56,
  name: 60,
  parent: 64,
  status: 68,
  trapExit: 69,
} as const;
const ROW_BYTES = 72;

const MAX_U32 = 0xffffffff;

/** What a row is made from. */
export interface Inspected {
  readonly pid: Pid;
  readonly status: ProcessStatus;
  readonly definition: Pick<ProcessDefinition, 'module' | 'name'> | undefined;
  readonly label: string;
  readonly registration: { readonly name: string } | undefined;
  readonly parent: Pid | undefined;
  readonly trapExit: Process['trapExit'];
  readonly queuedMessages: number;
  readonly queuedBytes: number;
  readonly dropped: number;
  readonly handled: number;
  readonly startedAt: number;
  readonly links: { readonly size: number } | undefined;
  readonly monitors: { readonly size: number } | undefined;
  readonly watchers: { readonly size: number } | undefined;
}

/** The processes of one thread. */
export interface ThreadRows {
  readonly thread: number;
  /** What the pids of all have in front of the serial. */
  readonly prefix: string;
  readonly texts: readonly string[];
  readonly chunks: readonly RowChunk[];
}

export class ProcessRowWriter {
  readonly #thread: number;
  readonly #prefix: string;
  readonly #strings = new StringTable();
  readonly #shortNames = new Map<object, number>();
  readonly #chunks = new RowChunkWriter(ROW_BYTES);

  constructor(thread: number, prefix: string) {
    this.#thread = thread;
    this.#prefix = prefix;
  }

  /** @param now the clock of its thread. @returns true where a chunk is full: a moment to look at the clock. */
  add(process: Inspected, now: number): boolean {
    const at = this.#chunks.next();
    const { view } = this.#chunks;
    const { label, definition, links, monitors, watchers } = process;
    const labelNumber = this.#strings.numberOf(shortLabel(label));
    view.setFloat64(at + AT.serial, Number(process.pid.slice(this.#prefix.length)));
    view.setFloat64(at + AT.handled, process.handled);
    view.setFloat64(at + AT.mailboxBytes, process.queuedBytes);
    view.setFloat64(at + AT.ageMs, Math.max(0, now - process.startedAt));
    view.setUint32(at + AT.messages, Math.min(process.queuedMessages, MAX_U32));
    view.setUint32(at + AT.dropped, Math.min(process.dropped, MAX_U32));
    view.setUint32(at + AT.links, links === undefined ? 0 : links.size);
    view.setUint32(at + AT.monitors, monitors === undefined ? 0 : monitors.size);
    view.setUint32(at + AT.watchers, watchers === undefined ? 0 : watchers.size);
    view.setUint32(at + AT.current, definition === undefined ? labelNumber : this.#currentOf(definition));
    view.setUint32(at + AT.label, labelNumber);
    view.setUint32(at + AT.name, this.#strings.numberOf(process.registration?.name));
    view.setUint32(at + AT.parent, this.#strings.numberOf(process.parent));
    view.setUint8(at + AT.status, PROCESS_STATUSES.indexOf(process.status));
    view.setUint8(at + AT.trapExit, process.trapExit === true ? 1 : 0);
    return this.#chunks.isFull;
  }

  take(): ThreadRows {
    const chunks = this.#chunks.take();
    return { thread: this.#thread, prefix: this.#prefix, texts: this.#strings.texts, chunks };
  }

  #currentOf(definition: Pick<ProcessDefinition, 'module' | 'name'>): number {
    let number = this.#shortNames.get(definition);
    if (number === undefined) {
      number = this.#strings.numberOf(shortName(definition));
      this.#shortNames.set(definition, number);
    }
    return number;
  }
}

/** What rows can be put in order by: the largest first. */
export type ProcessOrder = 'messages' | 'mailboxBytes' | 'dropped' | 'handled' | 'links' | 'ageMs';

export const PROCESS_ORDERS: readonly ProcessOrder[] = [
  'messages',
  'mailboxBytes',
  'dropped',
  'handled',
  'links',
  'ageMs',
];

interface Chunk {
  readonly part: ThreadRows;
  readonly view: DataView;
  /** The number of its first row. */
  readonly first: number;
  readonly rows: number;
}

/** Every process of a node: by thread, and in the order in which it was spawned there. */
export class ProcessRows implements Iterable<ProcessRow> {
  readonly length: number;
  readonly #chunks: readonly Chunk[];

  constructor(parts: readonly ThreadRows[]) {
    let length = 0;
    const chunks: Chunk[] = [];
    for (const part of parts) {
      for (const { rows, bytes } of part.chunks) {
        chunks.push({ part, view: new DataView(bytes), first: length, rows });
        length += rows;
      }
    }
    this.#chunks = chunks;
    this.length = length;
  }

  *[Symbol.iterator](): IterableIterator<ProcessRow> {
    for (const chunk of this.#chunks) for (let row = 0; row < chunk.rows; row++) yield readRow(chunk, row);
  }

  /** Rows `from` to `from + count`, as far as there are so many. */
  slice(from: number, count: number): ProcessRow[] {
    const rows: ProcessRow[] = [];
    for (const chunk of this.#chunks) {
      const end = Math.min(chunk.rows, from + count - chunk.first);
      for (let row = Math.max(0, from - chunk.first); row < end; row++) rows.push(readRow(chunk, row));
    }
    return rows;
  }

  /** The first `count` by `order`, the largest first; those that are equal in the order of the list. Reads only these rows. */
  top(count: number, order: ProcessOrder): ProcessRow[] {
    const best = new Best(count);
    for (const [number, chunk] of this.#chunks.entries()) {
      for (let row = 0; row < chunk.rows; row++) best.add(readKey(chunk.view, row * ROW_BYTES, order), number, row);
    }
    return best.take().map(({ chunk, row }) => readRow(this.#chunks[chunk] as Chunk, row));
  }
}

function readRow({ part, view }: Chunk, row: number): ProcessRow {
  const at = row * ROW_BYTES;
  const text = (field: number): string | undefined => textOf(part.texts, view.getUint32(at + field));
  return {
    pid: (part.prefix + view.getFloat64(at + AT.serial)) as Pid,
    thread: part.thread,
    status: PROCESS_STATUSES[view.getUint8(at + AT.status)] as ProcessStatus,
    current: text(AT.current) ?? '',
    label: text(AT.label) ?? '',
    name: text(AT.name),
    parent: text(AT.parent) as Pid | undefined,
    trapExit: view.getUint8(at + AT.trapExit) === 1,
    mailbox: {
      messages: view.getUint32(at + AT.messages),
      bytes: view.getFloat64(at + AT.mailboxBytes),
      dropped: view.getUint32(at + AT.dropped),
    },
    handled: view.getFloat64(at + AT.handled),
    links: view.getUint32(at + AT.links),
    monitors: view.getUint32(at + AT.monitors),
    watchers: view.getUint32(at + AT.watchers),
    ageMs: view.getFloat64(at + AT.ageMs),
  };
}

function readKey(view: DataView, at: number, order: ProcessOrder): number {
  switch (order) {
    case 'messages':
    case 'dropped':
    case 'links':
      return view.getUint32(at + AT[order]);
    default:
      return view.getFloat64(at + AT[order]);
  }
}

interface Candidate {
  readonly key: number;
  readonly chunk: number;
  readonly row: number;
}

/** Keeps the `count` largest of what it is given, in a few passes over twice as many. */
class Best {
  readonly #count: number;
  #kept: Candidate[] = [];
  /** Smaller ones, and later ones that equal it, are not among the best. */
  #least = Number.NEGATIVE_INFINITY;

  constructor(count: number) {
    this.#count = count;
  }

  add(key: number, chunk: number, row: number): void {
    if (key <= this.#least) return;
    this.#kept.push({ key, chunk, row });
    if (this.#kept.length >= 2 * this.#count + 64) this.#cut();
  }

  take(): readonly Candidate[] {
    this.#cut();
    return this.#kept;
  }

  #cut(): void {
    // Stable: what came first stays first among equals.
    this.#kept.sort((a, b) => b.key - a.key);
    this.#kept.length = Math.min(this.#kept.length, this.#count);
    if (this.#kept.length === this.#count) this.#least = this.#kept.at(-1)?.key ?? Number.POSITIVE_INFINITY;
  }
}
