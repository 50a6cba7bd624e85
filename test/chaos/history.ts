/**
 * What a node of a chaos run writes while it lives, one entry a line, each before anything can come of it. A node
 * that is killed leaves all that it had written; only a line that it was just writing may be torn.
 *
 * The payload of each publish says who sent it in which session, and which message of that session it is, so that
 * what arrives can be held against what was sent, whatever happened in between.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { DataTraffic } from '@liminal-node/distribution';

/** Which message: the `seq`-th of a life of a node in one of its sessions, counted from 0. */
export interface MessageId {
  readonly from: string;
  readonly creation: number;
  readonly session: number;
  readonly seq: number;
}

/** The members of each group, by the pids. */
export type Members = Readonly<Record<string, readonly string[]>>;

/** The counters that a checker holds against the entries. */
export interface FinalCounters {
  /** Of cluster-sync. */
  readonly sent: number;
  readonly received: number;
  readonly skipped: number;
  /** Of channels: envelopes given to subscribers, and not. */
  readonly delivered: number;
  readonly undelivered: number;
}

export interface OpenSession {
  readonly session: number;
  readonly node: string;
  readonly creation: number;
  readonly traffic: DataTraffic;
}

export type Entry =
  | { readonly t: 'life'; readonly name: string; readonly creation: number }
  | { readonly t: 'up'; readonly session: number; readonly node: string; readonly creation: number }
  | {
      readonly t: 'down';
      readonly session: number;
      readonly node: string;
      readonly reason: string;
      readonly traffic: DataTraffic;
    }
  /** A publish to the one subscriber on `to` is about to be made. */
  | { readonly t: 'try'; readonly to: string; readonly session: number; readonly seq: number }
  /** What its receipt said: queued, dropped by a bound, or that nobody subscribes. */
  | {
      readonly t: 'receipt';
      readonly session: number;
      readonly seq: number;
      readonly outcome: 'queued' | 'dropped' | 'nobody';
    }
  | ({ readonly t: 'got' } & MessageId)
  /** A message that is not as it was sent, as its own checksum tells. */
  | { readonly t: 'damaged' }
  /** A monitor of a process of the peer that lives as long as its node. */
  | { readonly t: 'watch'; readonly ref: string; readonly session: number }
  | { readonly t: 'noticed'; readonly ref: string; readonly reason: string }
  /** After heal and quiet. A life that has no such entry was killed. */
  | {
      readonly t: 'end';
      readonly sessions: readonly OpenSession[];
      /** Members of this node. */
      readonly own: Members;
      /** Members of every other node that it knows of. */
      readonly views: Readonly<Record<string, Members>>;
      readonly counters: FinalCounters;
    };

export type EntryOf<T extends Entry['t']> = Extract<Entry, { readonly t: T }>;

/** How many bits were flipped on the way from one node to another. */
export interface Flips {
  readonly from: string;
  readonly to: string;
  readonly count: number;
}

/** One life of a node. */
export interface Life {
  readonly name: string;
  readonly creation: number;
  readonly entries: readonly Entry[];
}

/** Writes entries; each is with the operating system when `write` returns. */
export class HistoryFile {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }

  write(entry: Entry): void {
    writeSync(this.#file, `${JSON.stringify(entry)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** @returns undefined where the node was killed before it wrote who it is. */
export function readLife(path: string): Life | undefined {
  const lines = readFileSync(path, 'utf8').split('\n');
  // The last line is empty, or torn.
  const entries = lines.slice(0, -1).map((line) => JSON.parse(line) as Entry);
  const first = entries[0];
  return first?.t === 'life' ? { name: first.name, creation: first.creation, entries } : undefined;
}
