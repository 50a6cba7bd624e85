/** What tools and nodes ask of one another while one visits the other, and what nodes tell of global names. */
import { decodeUntrusted, encodeValue, formatPid, type NodeName } from '@liminal-node/scheduler';
import type { NameMessage, ToldClaim } from '../../packages/liminal-node/dist/names/name-message.js';
import { decodeMessage, encodeMessage } from '../../packages/liminal-node/dist/names/wire.js';
import { answerTo, parseAnswer } from '../../packages/liminal-node/dist/node-answers.js';
import { parseRequest } from '../../packages/liminal-node/dist/node-requests.js';
import type { Decoder } from './decoders.js';
import { VALUE_BYTES } from './decoders-scheduler.js';
import type { Chance } from './inputs.js';
import { anyValue, nearly } from './values.js';

/** For each fault a schema names it makes a record of its own, with the way to it. */
const CHECKED_VALUE_BYTES = 4 * VALUE_BYTES;

const PID = 'a@h#1.0.7';

function request(chance: Chance): Record<string, unknown> {
  const to = { replyTo: PID, request: chance.number(32) };
  const page = { from: chance.number(32), count: chance.number(32) };
  return chance.pick([
    { type: chance.pick(['members', 'snapshot', 'traced', chance.text()]), ...to },
    { type: 'processes', order: chance.pick(['memory', null, chance.text()]), ...to, ...page },
    { type: 'supervision', maxChildren: chance.number(32), ...to, ...page },
    { type: 'trace', process: chance.text(), forMs: chance.number(48), maxEvents: -1, ...to },
    { type: 'publish', channel: chance.text(), payload: anyValue(chance), ...to },
  ]);
}

const row = {
  ...{ pid: PID, thread: 0, status: 'ready', current: 'm#n', label: 'l', name: undefined, parent: PID, trapExit: true },
  ...{ mailbox: { messages: 1, bytes: 2, dropped: 3 }, handled: 1, links: 2, monitors: 3, watchers: 4, ageMs: 5 },
};
const supervisor = {
  ...{ type: 'supervisor', depth: 0, id: 'a', pid: PID, label: 'l', name: 'n', strategy: 'one_for_one', children: 1 },
  ...{ status: 'running', restart: 'permanent', restarts: 0, childRestarts: 0 },
};
const worker = { type: 'worker', depth: 1, id: 'w', pid: PID, status: 'running', restart: 'permanent', restarts: 0 };
const traced = {
  over: false,
  events: [
    { type: 'receive', atMs: 1, message: 'm' },
    { type: 'send', atMs: 2, to: 'x', message: 'm' },
    { type: 'signal', atMs: 3, direction: 'in', signal: 'link', peer: PID },
    { type: 'end', atMs: 4, because: 'time' },
  ],
};
const snapshot = {
  ...{ node: 'a@h', creation: 1, takenAt: 1, tookMs: 1, silent: [], processes: 1, supervisors: 0 },
  threads: [{ thread: 0, processes: 1, counters: { spawned: 1, exited: 0, dropped: { full: 1 } } }],
};

/** Kinds of questions, each with a number on the wire of this decoder alone, and an answer. */
const ANSWERS = [
  ['publish', { local: 1, nodes: 2, dropped: 0 }],
  ['members', [{ name: 'a@h', address: null, state: 'self', since: 1 }]],
  ['snapshot', snapshot],
  ['processes', [row, row]],
  ['supervision', [supervisor, worker, { type: 'more', depth: 1, count: 9 }]],
  ['trace', PID],
  ['traced', traced],
] as const;

function answer(chance: Chance): Uint8Array {
  const kind = chance.below(ANSWERS.length);
  const [, value] = ANSWERS[kind] as (typeof ANSWERS)[number];
  const bent = Array.isArray(value)
    ? value.map((item) => nearly(chance, item))
    : typeof value === 'string'
      ? value
      : nearly(chance, value as Readonly<Record<string, unknown>>);
  const ok = { ok: true, request: chance.number(32), value: bent };
  const failed = { ok: false, request: 1, code: chance.text(), message: chance.text() };
  return Buffer.concat([Uint8Array.of(kind), encodeValue(nearly(chance, chance.isOneIn(5) ? failed : ok))]);
}

const source = { node: 'b@h' as NodeName, creation: 11 };

function nameMessage(chance: Chance): NameMessage {
  const key = chance.pick(['n', 'l', '']) + chance.text();
  const [request, time] = [chance.number(32), chance.number(48)];
  const claim = (): ToldClaim => {
    const pid = formatPid({ ...source, thread: chance.number(32), serial: chance.number(48) });
    return { key: `n${chance.text()}`, pid, time, held: chance.isOneIn(2) };
  };
  return chance.pick<NameMessage>([
    { type: 'snapshot', first: true, last: true, claims: chance.list(5, claim) },
    { type: chance.pick(['ask', 'check']), request, key },
    { type: 'grant', request, time },
    { type: 'deny', request, reason: chance.pick(['taken', 'busy']) },
    { type: chance.pick(['cancel', 'checked']), request },
    { type: 'claim', request, claim: claim() },
    { type: 'claimed', request, agreed: chance.isOneIn(2) },
    { type: chance.pick(['held', 'release']), key, time },
  ]);
}

export const nodeDecoders: readonly Decoder[] = [
  {
    name: 'node-request',
    memoryPerByte: CHECKED_VALUE_BYTES,
    decode: (bytes) => void parseRequest(decodeUntrusted(bytes)),
    make: (chance) => encodeValue(nearly(chance, request(chance))),
  },
  {
    name: 'node-answer',
    memoryPerByte: CHECKED_VALUE_BYTES,
    decode: (bytes) => {
      const answered = parseAnswer(decodeUntrusted(bytes.subarray(1)));
      const [type] = ANSWERS[(bytes[0] ?? 0) % ANSWERS.length] as (typeof ANSWERS)[number];
      if (answered?.ok) answerTo(type, answered.value);
    },
    make: answer,
  },
  {
    name: 'global-names',
    decode: (bytes) => decodeMessage(bytes, source),
    verify: (message) => {
      const told = message as NameMessage | undefined;
      const claims = told?.type === 'snapshot' ? told.claims : told?.type === 'claim' ? [told.claim] : [];
      for (const { pid } of claims) if (!pid.startsWith('b@h#b.')) throw new Error(`in the name of ${pid}`);
    },
    make: (chance) => encodeMessage(nameMessage(chance))[0] as Uint8Array,
  },
];
