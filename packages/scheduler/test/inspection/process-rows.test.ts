import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PROCESS_STATUSES, type ProcessRow } from '../../src/inspection/process-info.js';
import { type Inspected, PROCESS_ORDERS, ProcessRows, ProcessRowWriter } from '../../src/inspection/process-rows.js';
import { ROWS_PER_CHUNK } from '../../src/inspection/row-chunks.js';
import type { Pid } from '../../src/pid.js';

const PREFIX = 'a@127.0.0.1#k1.3.';
const NOW = 1_000_000;

const count = fc.nat({ max: 0xffffffff });
const amount = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const label = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 });
const sized = fc.option(fc.record({ size: fc.nat({ max: 1000 }) }), { nil: undefined });

const inspected: fc.Arbitrary<Inspected> = fc.record({
  pid: fc.nat({ max: 2 ** 48 - 1 }).map((serial) => (PREFIX + serial) as Pid),
  status: fc.constantFrom(...PROCESS_STATUSES),
  definition: fc.option(fc.record({ module: fc.constantFrom('file:///app/a.js', 'file:///app/b.ts?x'), name: label }), {
    nil: undefined,
  }),
  label,
  registration: fc.option(fc.record({ name: label }), { nil: undefined }),
  parent: fc.option(fc.constantFrom('a@127.0.0.1#k1.0.7' as Pid, 'a@127.0.0.1#k1.3.1' as Pid), { nil: undefined }),
  trapExit: fc.constantFrom(true, false, 'alias' as const),
  queuedMessages: count,
  queuedBytes: amount,
  dropped: count,
  handled: amount,
  startedAt: fc.nat({ max: NOW }),
  links: sized,
  monitors: sized,
  watchers: sized,
});

function rowsOf(processes: readonly Inspected[]): ProcessRows {
  const writer = new ProcessRowWriter(3, PREFIX);
  for (const process of processes) writer.add(process, NOW);
  return new ProcessRows([writer.take()]);
}

function shown(process: Inspected): ProcessRow {
  const {
    pid,
    status,
    definition,
    label: text,
    registration,
    parent,
    trapExit,
    handled,
    links,
    monitors,
    watchers,
  } = process;
  return {
    pid,
    thread: 3,
    status,
    current: definition === undefined ? text : `${definition.module.slice(12, 16)}#${definition.name}`,
    label: text,
    name: registration?.name,
    parent,
    trapExit: trapExit === true,
    mailbox: { messages: process.queuedMessages, bytes: process.queuedBytes, dropped: process.dropped },
    handled,
    links: links?.size ?? 0,
    monitors: monitors?.size ?? 0,
    watchers: watchers?.size ?? 0,
    ageMs: NOW - process.startedAt,
  };
}

function idle(serial: number, queuedMessages = 0): Inspected {
  const pid = (PREFIX + serial) as Pid;
  const none = {
    definition: undefined,
    registration: undefined,
    parent: undefined,
    links: undefined,
    monitors: undefined,
    watchers: undefined,
  };
  return {
    ...none,
    pid,
    status: 'waiting',
    label: 'idle',
    trapExit: false,
    queuedMessages,
    queuedBytes: 0,
    dropped: 0,
    handled: 0,
    startedAt: 0,
  };
}

describe('the rows of processes', () => {
  test('say of each process what was written of it', () => {
    fc.assert(
      fc.property(fc.array(inspected), (processes) => {
        expect([...rowsOf(processes)]).toEqual(processes.map(shown));
      }),
    );
  });

  test('are in order over many chunks and several threads, whole or in part', () => {
    const serials = Array.from({ length: 2 * ROWS_PER_CHUNK + 3 }, (_, serial) => serial);
    const parts = [serials, [], [7]].map((of) => {
      const writer = new ProcessRowWriter(3, PREFIX);
      const full = of.filter((serial) => writer.add(idle(serial), NOW));
      expect(full).toHaveLength(Math.floor(of.length / ROWS_PER_CHUNK));
      return writer.take();
    });
    const rows = new ProcessRows(parts);
    const pids = [...serials, 7].map((serial) => PREFIX + serial);
    expect(rows).toHaveLength(pids.length);
    expect([...rows].map(({ pid }) => pid)).toEqual(pids);
    for (const [from, count] of [
      [0, 5],
      [ROWS_PER_CHUNK - 2, 4],
      [pids.length - 2, 100],
      [pids.length, 5],
    ] as const) {
      expect(rows.slice(from, count).map(({ pid }) => pid)).toEqual(pids.slice(from, from + count));
    }
  });

  test('are put in order by any figure, those that are equal in the order of the list', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 20 }), { maxLength: 600 }), fc.nat({ max: 50 }), (figures, limit) => {
        const rows = rowsOf(figures.map((figure, serial) => idle(serial, figure)));
        const sorted = [...rows].sort((a, b) => b.mailbox.messages - a.mailbox.messages);
        expect(rows.top(limit, 'messages')).toEqual(sorted.slice(0, limit));
      }),
    );
  });

  test.each(PROCESS_ORDERS)('know the order by %s', (order) => {
    const figure = {
      messages: 'queuedMessages',
      mailboxBytes: 'queuedBytes',
      dropped: 'dropped',
      handled: 'handled',
      ageMs: 'startedAt',
      links: 'links',
    }[order];
    const most = { ...idle(1), [figure]: order === 'links' ? { size: 9 } : 9 };
    const rows = rowsOf([idle(0), most, idle(2)]);
    const last = order === 'ageMs';
    expect(rows.top(3, order).map(({ pid }) => pid)[last ? 2 : 0]).toBe(most.pid);
  });

  test('cut a label that is huge, and no name', () => {
    const name = 'n'.repeat(255);
    const [row] = rowsOf([{ ...idle(0), label: 'x'.repeat(1e6), registration: { name } }]);
    expect([row?.label.length, row?.current.length, row?.name]).toEqual([200, 200, name]);
  });
});
