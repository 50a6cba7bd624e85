/** Signals between processes of two nodes, and the values that they carry. */
import {
  decodeUntrusted,
  encodeValue,
  formatPid,
  isDown,
  isExit,
  type NodeName,
  preview,
} from '@liminal-node/scheduler';
import { isReply, isServerMessage } from '../../packages/scheduler/dist/behaviours/server-message.js';
import { BlockWriter, readBlock } from '../../packages/scheduler/dist/encoding/message-block.js';
import { checkPortable } from '../../packages/scheduler/dist/encoding/portable.js';
import {
  decodeReason,
  decodeSignal,
  encodeMessage,
  encodeMessageToName,
  encodeMonitorName,
  encodeSignal,
  encodeSpawn,
  encodeThreadDown,
  readHead,
} from '../../packages/scheduler/dist/encoding/signal-codec.js';
import { ValueReader } from '../../packages/scheduler/dist/encoding/value-reader.js';
import {
  describeReason,
  type ExitReason,
  isFailure,
  isThreadDown,
  portableReason,
} from '../../packages/scheduler/dist/exit-reason.js';
import type { Ref } from '../../packages/scheduler/dist/pid.js';
import { isToClient, isToObject } from '../../packages/scheduler/dist/remote-objects/object-message.js';
import {
  decodeArgs,
  decodeOutcome,
  encodeArgs,
  encodeResult,
  encodeThrown,
} from '../../packages/scheduler/dist/remote-objects/object-values.js';
import type { Signal } from '../../packages/scheduler/dist/signal.js';
import { isSpawnRequest } from '../../packages/scheduler/dist/spawn-desk.js';
import type { Decoder } from './decoders.js';
import type { Chance } from './inputs.js';
import { anyValue, nearly } from './values.js';

/**
 * Bytes of memory that a byte of a value may take. More than 16: one byte of CBOR is an empty object, which is 56
 * bytes of heap and 8 where it stands, and a small Set or typed array is some 200 for 4 bytes.
 */
export const VALUE_BYTES = 160;

const source = { node: 'b@h' as NodeName, creation: 11 };
const target = { node: 'a@h' as NodeName, creation: 22 };
const pid = (life: typeof source, chance: Chance) =>
  formatPid({ ...life, thread: chance.number(32), serial: chance.number(48) });

/** What a mailbox is asked about a message, whoever sent it. */
function lookAt(value: unknown): void {
  for (const look of [isDown, isExit, isReply, isServerMessage, isToClient, isToObject, isFailure, isThreadDown])
    look(value);
  preview(value);
  describeReason(portableReason(value as ExitReason));
}

function reason(chance: Chance): ExitReason {
  const error = { name: 'Error', message: chance.text() };
  const known: ExitReason[] = ['normal', 'shutdown', 'kill', { error }, { shutdown: anyValue(chance) }];
  const down = {
    thread: chance.number(32),
    cause: chance.pick(['error', 'exit', 'terminated', 'blocked', 'x']),
    error,
  };
  return chance.pick([...known, { threadDown: nearly(chance, down) }, anyValue(chance) as ExitReason]);
}

const SPAWN = {
  ...{ code: { module: 'm.js', name: 'n' }, args: [1], parent: true, link: true, monitor: false, trapExit: false },
  ...{ label: 'l', name: 'registered', mailbox: { maxItems: 5, overflow: 'exit' } },
};

function signal(chance: Chance): Uint8Array {
  const [from, to] = [pid(source, chance), pid(target, chance)];
  const [at, by] = [
    { thread: chance.number(32), serial: chance.number(48) },
    { thread: chance.number(32), serial: chance.number(48) },
  ];
  const fault = { code: chance.text(), reason: chance.pick(['', 'busy', chance.text()]), message: chance.text() };
  const ref = `b@h!b.${chance.below(9)}.${chance.below(99)}` as Ref;
  return chance.pick<() => Uint8Array>([
    () => encodeMessage(at, by, encodeValue(anyValue(chance))),
    () => encodeMessageToName(chance.text(), by, encodeValue(anyValue(chance))),
    () => encodeMonitorName(chance.text(), by, ref),
    () => encodeThreadDown(chance.number(32), reason(chance)),
    () => encodeSignal({ type: chance.pick(['link', 'unlink', 'unlinked']), from, to }),
    () => encodeSignal({ type: chance.pick(['monitor', 'demonitor', 'monitored']), from, to, ref }),
    () => encodeSignal({ type: 'exit', from, to, linked: chance.isOneIn(2), reason: reason(chance) }),
    () => encodeSignal({ type: 'down', from, to, ref, reason: reason(chance) }),
    () => encodeSpawn(by, ref, encodeValue(nearly(chance, SPAWN))),
    () => encodeSignal({ type: 'spawned', from, to, ref }),
    () => encodeSignal({ type: 'spawnFailed', from, to, ref, fault }),
    () => encodeSignal({ type: 'offer', from, to, message: anyValue(chance), bytes: 0 }),
  ])();
}

const blocks = new BlockWriter();
const values = new ValueReader();

function block(chance: Chance): Uint8Array {
  blocks.begin(chance.number(32), { thread: chance.number(32), serial: chance.number(48) });
  blocks.add(chance.number(48), { n: chance.below(9), text: chance.text() }, Number.POSITIVE_INFINITY);
  for (let left = chance.below(5); left > 0; left--) {
    blocks.add(chance.number(48), anyValue(chance), Number.POSITIVE_INFINITY);
  }
  return Uint8Array.from(blocks.finish());
}

function readMessages(bytes: Buffer): unknown[] {
  const messages: unknown[] = [];
  if (readHead(bytes).kind === 'messages') readBlock(bytes, values, (_serial, value) => messages.push(value));
  return messages;
}

/** As the runtime reads it: the head on the home thread, the rest where the target lives. */
function readSignal(bytes: Buffer): Decoded {
  const head = readHead(bytes);
  switch (head.kind) {
    case 'threadDown':
      return { value: decodeReason(head.reason) };
    case 'message':
    case 'messageToName':
      return { value: decodeUntrusted(head.payload) };
    case 'spawn':
      return { value: isSpawnRequest(decodeUntrusted(head.request)) };
    case 'monitorName':
      return { value: head };
    case 'messages':
      return { value: readMessages(bytes) };
    default:
      return { value: undefined, signal: decodeSignal(bytes, source, target, false) };
  }
}

interface Decoded {
  readonly value: unknown;
  readonly signal?: Signal;
}

function verifySignal({ value, signal }: Decoded): void {
  if (signal === undefined) return lookAt(value);
  if (!signal.from.startsWith('b@h#') || !signal.to.startsWith('a@h#')) throw new Error('of a third node');
  if ('reason' in signal) lookAt(signal.reason);
}

export const schedulerDecoders: readonly Decoder[] = [
  {
    name: 'value',
    memoryPerByte: VALUE_BYTES,
    decode: decodeUntrusted,
    // What was taken can be sent on.
    verify: (value) => {
      checkPortable(value);
      encodeValue(value);
    },
    make: (chance) => encodeValue(anyValue(chance)),
  },
  {
    name: 'block',
    memoryPerByte: VALUE_BYTES,
    decode: readMessages,
    verify: (messages: unknown[]) => {
      for (const message of messages) {
        checkPortable(message);
        lookAt(message);
      }
    },
    make: block,
  },
  { name: 'signal', memoryPerByte: VALUE_BYTES, decode: readSignal, verify: verifySignal, make: signal },
  {
    name: 'message',
    memoryPerByte: VALUE_BYTES,
    decode: decodeUntrusted,
    verify: lookAt,
    make: (chance) => {
      const from = pid(source, chance);
      const messages = [
        { signal: 'request', type: 'APPLY', from, id: chance.text(), path: ['a'], args: encodeValue({ args: [] }) },
        { signal: 'answer', id: chance.text(), result: encodeValue({ result: 1 }), refused: 'noproc' },
        { signal: 'client', from },
        { signal: 'object', pid: from },
        { signal: 'call', name: chance.text(), args: [], from, ref: 'r', alias: from },
        { signal: 'cast', name: chance.text(), args: [] },
        { signal: 'down', ref: 'r', pid: from, reason: reason(chance) },
        { signal: 'exit', from, reason: reason(chance) },
        { signal: 'stop', reason: 'normal' },
      ];
      return encodeValue(nearly(chance, chance.pick(messages)));
    },
  },
  {
    name: 'object-args',
    memoryPerByte: VALUE_BYTES,
    decode: decodeArgs,
    make: (chance) =>
      encodeArgs(
        chance.list(4, () => ({ value: anyValue(chance), ...(chance.isOneIn(4) && { handler: chance.text() }) })),
      ),
  },
  {
    name: 'object-outcome',
    memoryPerByte: VALUE_BYTES,
    decode: decodeOutcome,
    make: (chance) =>
      chance.isOneIn(2)
        ? encodeThrown(anyValue(chance))
        : encodeResult({ value: anyValue(chance), ...(chance.isOneIn(4) && { handler: chance.text() }) }),
  },
];
