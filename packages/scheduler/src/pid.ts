/**
 * Names of things that live in a cluster: nodes, processes (pids) and references.
 *
 * A pid is a branded string `name@host#creation.thread.serial`: creation tells which life of the node,
 * thread which life of a scheduler thread, serial which process of that thread. No part is ever reused
 * within the part before it, so a pid never names a second process. Compare pids with `===`.
 */

declare const brand: unique symbol;

/** `name@host`, at most 255 characters; see {@link parseNodeName}. */
export type NodeName = string & { readonly [brand]: 'NodeName' };

/**
 * Names a process. `M` is the type of the messages that it accepts; a pid that accepts more can stand
 * where one that accepts less is asked for, so `Pid<never>` is any pid at all.
 */
export type Pid<M = unknown> = string & { readonly [brand]: 'Pid'; readonly accepts?: (message: M) => void };

/** Any pid, whatever it accepts. */
export type AnyPid = Pid<never>;

/** A reference that is unique in the cluster for as long as it runs. */
export type Ref = string & { readonly [brand]: 'Ref' };

/** What a pid is made of. `thread` and `serial` count from 0; `creation` is a random 32-bit number above 0. */
export interface PidParts {
  readonly node: NodeName;
  readonly creation: number;
  readonly thread: number;
  readonly serial: number;
}

/** The name of a node that was given none: it can talk to nobody. */
export const NO_NODE = 'nonode@nohost' as NodeName;

const NODE_NAME = /^[A-Za-z0-9_-]{1,64}@[A-Za-z0-9.:_-]{1,190}$/;

/**
 * `text` as a node name.
 * @throws TypeError that says what a node name looks like.
 */
export function parseNodeName(text: string): NodeName {
  if (!NODE_NAME.test(text)) {
    throw new TypeError(
      `"${text}" is not a node name: write name@host, for instance a@127.0.0.1, with letters, digits, _ and - in the name`,
    );
  }
  return text as NodeName;
}

/** The part of a pid that all processes of one life of a node share. */
export function nodePrefix(node: NodeName, creation: number): string {
  return `${node}#${creation.toString(36)}.`;
}

/** The part of a pid that all processes of one thread life share. */
export function pidPrefix(node: NodeName, creation: number, thread: number): string {
  return `${nodePrefix(node, creation)}${thread}.`;
}

export function formatPid({ node, creation, thread, serial }: PidParts): Pid {
  return `${pidPrefix(node, creation, thread)}${serial}` as Pid;
}

export function formatRef(node: NodeName, creation: number, thread: number, serial: number): Ref {
  return `${node}!${creation.toString(36)}.${thread}.${serial}` as Ref;
}

const PARTS = /^([0-9a-z]{1,7})\.(0|[1-9]\d{0,9})\.(0|[1-9]\d{0,15})$/;

/** The pid that was parsed last, and the name of the node of one: who asks for one mostly asks again, or for its neighbour. */
let parsedText = '';
let parsedParts: PidParts | undefined;
let knownNode = '';

/** The parts of `text`, or undefined where it is no pid. Costs a regular expression: not for hot paths. */
export function parsePid(text: string): PidParts | undefined {
  if (text !== parsedText) {
    parsedParts = parse(text);
    parsedText = text;
  }
  return parsedParts;
}

function parse(text: string): PidParts | undefined {
  const hash = text.lastIndexOf('#');
  if (hash < 0) return undefined;
  const node = text.slice(0, hash);
  const match = PARTS.exec(text.slice(hash + 1));
  if (match === null || (node !== knownNode && !NODE_NAME.test(node))) return undefined;
  knownNode = node;
  const creation = Number.parseInt(match[1] as string, 36);
  const thread = Number(match[2]);
  const serial = Number(match[3]);
  if (creation > 0xffffffff || thread > 0xffffffff || serial > MAX_SERIAL) return undefined;
  return { node: node as NodeName, creation, thread, serial };
}

/** Serials travel in 48 bits. */
export const MAX_SERIAL = 2 ** 48 - 1;

export function isPid(value: unknown): value is Pid {
  return typeof value === 'string' && parsePid(value) !== undefined;
}

/** The node that `pid` lives on. */
export function nodeOf(pid: AnyPid): NodeName {
  return pid.slice(0, pid.lastIndexOf('#')) as NodeName;
}
