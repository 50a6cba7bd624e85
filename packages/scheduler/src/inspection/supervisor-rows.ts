/**
 * Supervisors and their children, compact, in the manner of `process-rows.ts`: a child has a row of a fixed size, and the
 * children of a supervisor are behind one another, in the order of their start.
 */
import type { Restart } from '../behaviours/child-spec.js';
import type { ChildStatus, Strategy } from '../behaviours/restart-strategy.js';
import type { Pid } from '../pid.js';
import { shortLabel } from './process-info.js';
import { ROWS_PER_CHUNK, type RowChunk, RowChunkWriter } from './row-chunks.js';
import { StringTable, textOf } from './string-table.js';
import type { ChildView, SupervisorView } from './supervisor-view.js';

const AT = { serial: 0, thread: 8, restarts: 12, id: 16, status: 20, restart: 21, type: 22 } as const;
const ROW_BYTES = 24;

/** In the place of a thread: the child has no pid. */
const NO_THREAD = 0xffffffff;

/** Numbers in rows; appended to, never renumbered. */
const STATUSES: readonly ChildStatus[] = ['running', 'restarting', 'stopped'];
const RESTARTS: readonly Restart[] = ['permanent', 'transient', 'temporary'];

/** A supervisor, and where its children are in the rows of its thread. */
export interface SupervisorRow {
  readonly pid: Pid;
  readonly label: string;
  readonly name: string | undefined;
  readonly strategy: Strategy;
  readonly restarts: number;
  readonly firstChild: number;
  readonly children: number;
}

/** The supervisors of one thread. */
export interface ThreadSupervisors {
  /** What the pids of the node have in front of thread and serial. */
  readonly prefix: string;
  readonly texts: readonly string[];
  readonly chunks: readonly RowChunk[];
  readonly supervisors: readonly SupervisorRow[];
}

/** One child of a supervisor. */
export interface ChildRow {
  /** Under `simple_one_for_one` that of the template, which all children share. */
  readonly id: string;
  readonly pid: Pid | undefined;
  readonly status: ChildStatus;
  readonly restart: Restart;
  readonly type: 'worker' | 'supervisor';
  /** How often its supervisor tried to start it again. */
  readonly restarts: number;
}

export class SupervisorRowWriter {
  readonly #prefix: string;
  readonly #strings = new StringTable();
  readonly #chunks = new RowChunkWriter(ROW_BYTES);
  readonly #supervisors: SupervisorRow[] = [];

  constructor(nodePrefix: string) {
    this.#prefix = nodePrefix;
  }

  /** Writes a supervisor and its children; yields between pieces that take well below a millisecond. */
  *add(pid: Pid, { label, name }: { label: string; name: string | undefined }, view: SupervisorView): Generator<void> {
    const firstChild = this.#chunks.length;
    const { restarts } = view;
    const { strategy } = view.init;
    const isDynamic = strategy === 'simple_one_for_one';
    const children = view.children.byId;
    let left = children.size;
    for (const child of children.values()) {
      // Those that it starts meanwhile are left to the next snapshot, or there might be no end.
      if (left-- === 0) break;
      this.#addChild(child, isDynamic);
      if (this.#chunks.isFull) yield;
    }
    const shown = this.#chunks.length - firstChild;
    this.#supervisors.push({ pid, label: shortLabel(label), name, strategy, restarts, firstChild, children: shown });
  }

  take(): ThreadSupervisors {
    const chunks = this.#chunks.take();
    return { prefix: this.#prefix, texts: this.#strings.texts, chunks, supervisors: this.#supervisors };
  }

  #addChild({ id, running, restarts, status, spec }: ChildView, isDynamic: boolean): void {
    const at = this.#chunks.next();
    const { view } = this.#chunks;
    const [thread, serial] = running === undefined ? [NO_THREAD, 0] : this.#addressOf(running.pid);
    view.setFloat64(at + AT.serial, serial);
    view.setUint32(at + AT.thread, thread);
    view.setUint32(at + AT.restarts, restarts);
    view.setUint32(at + AT.id, this.#strings.numberOf(shortLabel(isDynamic ? spec.id : id)));
    view.setUint8(at + AT.status, STATUSES.indexOf(status));
    view.setUint8(at + AT.restart, RESTARTS.indexOf(spec.restart));
    view.setUint8(at + AT.type, spec.type === 'supervisor' ? 1 : 0);
  }

  #addressOf(pid: Pid): [thread: number, serial: number] {
    const dot = pid.indexOf('.', this.#prefix.length);
    return [Number(pid.slice(this.#prefix.length, dot)), Number(pid.slice(dot + 1))];
  }
}

/** The children of one supervisor, each read when it is looked at. */
export class ChildRows implements Iterable<ChildRow> {
  readonly length: number;
  readonly #rows: ThreadSupervisors;
  readonly #first: number;

  constructor(rows: ThreadSupervisors, { firstChild, children }: SupervisorRow) {
    this.#rows = rows;
    this.#first = firstChild;
    this.length = children;
  }

  *[Symbol.iterator](): IterableIterator<ChildRow> {
    for (let number = 0; number < this.length; number++) yield this.#read(number);
  }

  /** Those that are supervisors, without a look at the others. */
  *supervisors(): IterableIterator<ChildRow> {
    for (let number = 0; number < this.length; number++) {
      const [view, at] = this.#find(number);
      if (view.getUint8(at + AT.type) === 1) yield this.#read(number);
    }
  }

  #read(number: number): ChildRow {
    const { prefix, texts } = this.#rows;
    const [view, at] = this.#find(number);
    const thread = view.getUint32(at + AT.thread);
    return {
      id: textOf(texts, view.getUint32(at + AT.id)) ?? '',
      pid: thread === NO_THREAD ? undefined : (`${prefix}${thread}.${view.getFloat64(at + AT.serial)}` as Pid),
      status: STATUSES[view.getUint8(at + AT.status)] as ChildStatus,
      restart: RESTARTS[view.getUint8(at + AT.restart)] as Restart,
      type: view.getUint8(at + AT.type) === 1 ? 'supervisor' : 'worker',
      restarts: view.getUint32(at + AT.restarts),
    };
  }

  /** Every chunk but the last is full. */
  #find(number: number): [view: DataView, at: number] {
    const row = this.#first + number;
    const chunk = this.#rows.chunks[Math.floor(row / ROWS_PER_CHUNK)] as RowChunk;
    return [new DataView(chunk.bytes), (row % ROWS_PER_CHUNK) * ROW_BYTES];
  }
}
